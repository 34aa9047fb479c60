select count(*), sum(s) from (select l_partkey, l_suppkey, l_linenumber, sum(l_quantity) s from lineitem group by rollup(l_partkey, l_suppkey, l_linenumber)) t
