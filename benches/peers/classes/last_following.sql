select count(*), sum(a) from (select sum(l_quantity) over (partition by l_returnflag order by l_shipdate, l_orderkey, l_linenumber rows between current row and unbounded following) a from lineitem) t
