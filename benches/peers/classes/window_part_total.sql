select count(*), sum(x) from (select l_extendedprice / sum(l_extendedprice) over (partition by l_orderkey) x from lineitem) t
