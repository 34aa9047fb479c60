select count(*), max(array_length(a)) from (select array_agg(l_comment) over (partition by l_suppkey) a from lineitem) t
