select count(*), sum(s) from (select sum(l_quantity) over (order by l_shipdate range between interval '7' day preceding and current row) s from lineitem where l_orderkey % 8 = 0) t
