select quantile_cont(l_extendedprice, 0.9), quantile_cont(l_quantity, 0.1) from lineitem
