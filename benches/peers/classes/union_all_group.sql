select count(*), sum(c) from (select k, count(*) c from (select l_orderkey k from lineitem union all select o_orderkey from orders union all select ps_partkey from partsupp) u group by k) t
