select count(*), sum(r), sum(d) from (select rank() over (order by l_extendedprice) r, dense_rank() over (order by l_extendedprice) d from lineitem) t
