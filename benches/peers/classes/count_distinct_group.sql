select count(*), sum(a), sum(b) from (select l_suppkey, count(distinct l_partkey) a, count(distinct l_comment) b from lineitem group by l_suppkey) t
