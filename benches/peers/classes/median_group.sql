select count(*), sum(m) from (select l_partkey, median(l_extendedprice) m, quantile_cont(l_quantity, 0.75) q from lineitem group by l_partkey) t
