select count(*), sum(l_orderkey) from (select * from lineitem order by l_shipdate desc, l_comment limit 59000000) t
