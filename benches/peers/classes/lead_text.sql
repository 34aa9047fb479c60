select count(*), max(c) from (select lead(l_comment, 3) over (partition by l_returnflag order by l_shipdate, l_orderkey, l_linenumber) c from lineitem) t
