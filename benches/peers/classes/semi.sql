select count(*), sum(o_totalprice) from orders where o_orderkey in (select l_orderkey from lineitem where l_comment like '%furiously%')
