-- A pivot: values of a column become columns, by aggregates with a condition.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

SELECT
    carrier,
    count(*) FILTER (WHERE origin = 'EWR') AS newark,
    count(*) FILTER (WHERE origin = 'JFK') AS kennedy,
    count(*) FILTER (WHERE origin = 'LGA') AS la_guardia
FROM flights
GROUP BY carrier
ORDER BY carrier;

-- The same with CASE, for a mean: how the delay grows over the day.
SELECT
    origin,
    round(avg(CASE WHEN hour < 12 THEN dep_delay END), 1) AS morning,
    round(avg(CASE WHEN hour BETWEEN 12 AND 17 THEN dep_delay END), 1) AS afternoon,
    round(avg(CASE WHEN hour > 17 THEN dep_delay END), 1) AS evening
FROM flights
GROUP BY origin
ORDER BY origin;
