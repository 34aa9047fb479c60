select count(*), count(b.c_custkey) from orders a left join customer b on a.o_comment = b.c_comment
