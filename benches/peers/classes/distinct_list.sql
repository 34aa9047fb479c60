select count(*), sum(length(s)) from (select l_suppkey, string_agg(distinct l_shipmode || l_returnflag, ',') s from lineitem group by l_suppkey) t
