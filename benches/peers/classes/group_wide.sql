select count(*), max(c) from (select o_orderkey, o_custkey, o_comment, o_clerk, count(*) c from orders join lineitem on l_orderkey = o_orderkey group by 1,2,3,4) t
