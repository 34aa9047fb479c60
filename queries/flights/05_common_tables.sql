-- Common table expressions: a query in steps, each with a name.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

WITH
    routes AS (
        SELECT origin, dest, count(*) AS flights, avg(arr_delay) AS delay
        FROM flights
        GROUP BY origin, dest
    ),
    busy AS (
        SELECT * FROM routes WHERE flights >= 1000
    ),
    typical AS (
        SELECT avg(delay) AS delay FROM busy
    )
SELECT b.origin, b.dest, b.flights, round(b.delay, 1) AS delay, round(b.delay - t.delay, 1) AS above_typical
FROM busy AS b, typical AS t
ORDER BY above_typical DESC
LIMIT 10;
