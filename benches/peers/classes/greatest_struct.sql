select count(*), count(m) from (select l_orderkey, max(row(l_extendedprice, l_comment)) m from lineitem group by l_orderkey) t
