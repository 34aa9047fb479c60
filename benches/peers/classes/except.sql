select count(*) from (select l_orderkey, l_partkey from lineitem except select l_orderkey, l_partkey from lineitem where l_quantity > 20) t
