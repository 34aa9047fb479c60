select count(*), sum(l_linenumber) from (select *, row_number() over (partition by l_partkey order by l_shipdate desc, l_orderkey, l_linenumber) r from lineitem) t where r = 1
