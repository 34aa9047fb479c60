select count(*) from (select distinct l_orderkey, l_partkey, l_suppkey, l_comment from lineitem) t
