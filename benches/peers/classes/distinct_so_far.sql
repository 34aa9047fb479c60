select count(*), max(d) from (select count(distinct l_partkey * 10 + l_linenumber) over (order by l_shipdate) d from lineitem) t
