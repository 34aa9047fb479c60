with recursive t(k) as (select l_partkey from lineitem where l_linenumber = 1 union select k / 2 + 1 from t where k > 2) select count(*), sum(k) from t
