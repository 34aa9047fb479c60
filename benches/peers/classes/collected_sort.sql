select count(*), max(length(s)) from (select string_agg(l_comment, ',') s from lineitem group by l_suppkey order by 1 offset 1) t
