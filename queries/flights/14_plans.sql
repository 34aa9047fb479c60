-- What a query will do, and what it did.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

-- The filter on month leaves one file of twelve; the one on carrier goes into the scan.
EXPLAIN SELECT dest, count(*) FROM flights WHERE month = 3 AND carrier = 'AA' GROUP BY dest;

-- With rows, time and bytes spilled of each operator.
EXPLAIN ANALYZE SELECT tailnum, count(*) FROM flights GROUP BY tailnum ORDER BY count(*) DESC LIMIT 3;
