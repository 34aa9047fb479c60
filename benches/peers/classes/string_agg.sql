select count(*), sum(length(s)) from (select o_custkey, string_agg(o_comment, ',') s from orders group by o_custkey) t
