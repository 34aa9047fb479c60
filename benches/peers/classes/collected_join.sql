select count(*), max(length(s)) from (select l_suppkey, string_agg(l_comment, ',') s from lineitem group by l_suppkey) t join supplier on s_suppkey = l_suppkey where length(s) > s_nationkey
