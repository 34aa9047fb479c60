-- Windows: rankings, moving averages, the row before.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

-- A seven-day moving average of the daily delay, and how a day compares with the day before.
WITH days AS (
    SELECT make_date(year, CAST(month AS INT), day) AS day, avg(dep_delay) AS delay
    FROM flights
    GROUP BY 1
)
SELECT
    day,
    round(delay, 1) AS delay,
    round(avg(delay) OVER week, 1) AS seven_days,
    round(delay - lag(delay) OVER (ORDER BY day), 1) AS change
FROM days
WINDOW week AS (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)
ORDER BY day
LIMIT 10;

-- Each airline's share of its airport, and its rank there.
SELECT
    origin,
    carrier,
    count(*) AS flights,
    round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY origin), 1) AS percent,
    rank() OVER (PARTITION BY origin ORDER BY count(*) DESC) AS place
FROM flights
GROUP BY origin, carrier
QUALIFY place <= 3
ORDER BY origin, place;

-- How long do planes rest between two flights from New York? Quartiles of the gaps, in hours.
WITH gaps AS (
    SELECT
        tailnum,
        date_part('epoch', time_hour - lag(time_hour) OVER (PARTITION BY tailnum ORDER BY time_hour)) / 3600 AS hours
    FROM flights
    WHERE tailnum IS NOT NULL
)
SELECT ntile AS quarter, min(hours) AS from_hours, max(hours) AS to_hours
FROM (SELECT hours, ntile(4) OVER (ORDER BY hours) AS ntile FROM gaps WHERE hours IS NOT NULL) AS n
GROUP BY ntile
ORDER BY ntile;
