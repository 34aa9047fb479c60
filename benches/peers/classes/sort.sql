select count(*), sum(k), max(r) from (select l_orderkey k, l_comment, row_number() over (order by l_comment, l_orderkey, l_linenumber) r from lineitem) t
