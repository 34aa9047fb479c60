select count(*), sum(o_totalprice) from orders o where o_totalprice > (select avg(o_totalprice) * 1.2 from orders o2 where o2.o_custkey = o.o_custkey)
