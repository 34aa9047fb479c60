select median(l_extendedprice), median(l_orderkey) from lineitem
