select count(*), sum(k) from (select l_orderkey k, l_comment c, l_shipinstruct from lineitem order by l_comment, l_orderkey, l_linenumber limit 20000000) t
