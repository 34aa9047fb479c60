select count(*), max(c) from (select l_comment, count(*) c from lineitem group by l_comment) t
