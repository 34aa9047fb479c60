select count(*) from (select l_orderkey from lineitem where l_quantity < 30 intersect select l_orderkey from lineitem where l_quantity > 20) t
