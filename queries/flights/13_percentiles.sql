-- Distributions: percentiles, exact and approximate, correlation, a histogram.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

SELECT
    carrier,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY arr_delay) AS half,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY arr_delay) AS nine_in_ten,
    max(arr_delay) AS worst
FROM flights
GROUP BY carrier
ORDER BY nine_in_ten DESC
LIMIT 5;

-- Sketches take the same little memory however many rows there are.
SELECT
    approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY dep_delay) AS p99,
    approx_distinct(tailnum) AS planes,
    count(DISTINCT tailnum) AS planes_exactly
FROM flights;

SELECT
    round(corr(dep_delay, arr_delay), 3) AS correlation,
    round(regr_slope(arr_delay, dep_delay), 3) AS slope,
    round(regr_intercept(arr_delay, dep_delay), 1) AS minutes_made_up
FROM flights;

-- A histogram of delays, drawn by text.
SELECT
    bucket * 60 AS from_minute,
    count(*) AS flights,
    repeat('█', CAST(1 + ceil(log(10, count(*)) * 4) AS INT)) AS on_a_log_scale
FROM (SELECT CAST(floor(dep_delay / 60.0) AS INT) AS bucket FROM flights WHERE dep_delay IS NOT NULL) AS b
GROUP BY bucket
ORDER BY bucket;
