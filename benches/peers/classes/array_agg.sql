select count(*), sum(n) from (select l_orderkey, array_length(array_agg(l_comment)) n from lineitem group by l_orderkey) t
