select count(*), max(a.s_acctbal + b.c_acctbal) from supplier a cross join (select c_acctbal from customer where c_custkey <= 5000) b
