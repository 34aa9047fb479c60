select count(*), sum(s) from (select sum(l_quantity) over (order by l_shipdate, l_orderkey, l_linenumber rows between 1000000 preceding and current row) s from lineitem where l_orderkey % 8 = 0) t
