select count(*) from orders where o_orderkey in (select l_orderkey from lineitem where l_quantity > 49) or o_custkey in (select c_custkey from customer where c_acctbal < 0)
