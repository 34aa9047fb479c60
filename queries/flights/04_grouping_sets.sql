-- Totals of several levels in one pass: GROUPING SETS, ROLLUP, CUBE.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

-- Flights by airport and carrier, with totals of each airport and of all. grouping() tells a total from a NULL.
SELECT
    CASE WHEN grouping(origin) = 1 THEN 'all airports' ELSE origin END AS airport,
    CASE WHEN grouping(carrier) = 1 THEN 'all airlines' ELSE carrier END AS airline,
    count(*) AS flights
FROM flights
WHERE carrier IN ('UA', 'B6', 'DL')
GROUP BY ROLLUP (origin, carrier)
ORDER BY grouping(origin), origin, grouping(carrier), carrier;

-- Two groupings side by side.
SELECT origin, hour, count(*) AS flights
FROM flights
WHERE hour BETWEEN 5 AND 8
GROUP BY GROUPING SETS ((origin), (hour))
ORDER BY origin NULLS LAST, hour NULLS FIRST;
