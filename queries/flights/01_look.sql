-- Looking at data that is new to you: what columns there are, what is in them, a few rows.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

DESCRIBE flights;

-- For each column: type, nulls, least, greatest, distinct values, mean, deviation, quartiles.
SUMMARIZE flights;

-- Of a query, too.
SUMMARIZE SELECT dep_delay, arr_delay FROM flights WHERE carrier = 'HA';

SELECT * FROM flights LIMIT 5;

-- A file needs no table: a path, or a function with options, stands where a table would.
SELECT count(*) AS airlines FROM 'queries/data/airlines.csv';

SELECT count(*) AS planes, count(speed) AS with_speed
FROM read_csv('queries/data/planes.csv', header => true, nullstr => 'NA');
