select count(*) from lineitem l1 where exists (select 1 from lineitem l2 where l1.l_orderkey = l2.l_orderkey and l2.l_extendedprice > l1.l_extendedprice)
