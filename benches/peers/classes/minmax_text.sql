select count(*), max(a), min(b) from (select l_orderkey, max(l_comment) a, min(l_shipinstruct) b, avg(l_discount) x, stddev(l_tax) y from lineitem group by l_orderkey) t
