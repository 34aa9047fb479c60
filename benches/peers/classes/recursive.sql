with recursive t(k, p, d) as (select o_orderkey, o_custkey, 0 from orders union all select k, p + 1, d + 1 from t where d < 3) select count(*), sum(p) from t
