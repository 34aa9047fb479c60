-- Files out: one file, or a folder with a subfolder a value. Every file is there entirely or not at all.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

COPY (SELECT carrier, count(*) AS flights FROM flights GROUP BY carrier ORDER BY carrier)
TO 'target/tour/carriers.csv' STORED AS CSV OPTIONS ('has_header' 'true');

-- A folder for each origin and month, as Hive and others write them. COPY adds its files to those that are there:
-- remove target/tour before a second run, or the rows are there twice.
COPY (SELECT origin, month, carrier, flight, dest, dep_delay FROM flights)
TO 'target/tour/by_origin/' STORED AS PARQUET PARTITIONED BY (origin, month);

-- The values of the folders are columns again, and only the folders that are asked for are read.
CREATE OR REPLACE EXTERNAL TABLE by_origin
STORED AS PARQUET
PARTITIONED BY (origin, month)
LOCATION 'target/tour/by_origin/';

SELECT origin, month, count(*) AS flights
FROM by_origin
WHERE origin = 'LGA' AND month >= 11
GROUP BY origin, month
ORDER BY month;
