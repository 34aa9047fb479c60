select count(*), sum(s) from (select l_suppkey, l_shipdate, l_returnflag, sum(l_quantity) s from lineitem group by cube(l_suppkey, l_shipdate, l_returnflag)) t
