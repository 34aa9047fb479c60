SELECT DISTINCT ON (l_suppkey) * FROM lineitem ORDER BY l_suppkey, l_shipdate DESC, l_orderkey, l_linenumber
