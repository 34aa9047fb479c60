-- Dates and times: parts, truncation, intervals, zones, formats.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

-- Flights by day of the week; Sunday is 0.
SELECT
    date_part('dow', date) AS dow,
    to_char(min(date), '%A') AS name,
    count(*) AS flights
FROM (SELECT make_date(year, CAST(month AS INT), day) AS date FROM flights) AS d
GROUP BY dow
ORDER BY dow;

-- Flights and delay a quarter.
SELECT date_trunc('quarter', time_hour) AS quarter, count(*) AS flights, round(avg(dep_delay), 1) AS delay
FROM flights
GROUP BY quarter
ORDER BY quarter;

-- The files keep instants in UTC; New York's own clock is five hours behind, or four in summer.
SELECT
    time_hour AS instant,
    to_char(time_hour AT TIME ZONE 'America/New_York', '%d %B, %H:%M') AS in_new_york,
    sched_dep_time
FROM flights
WHERE flight = 1545 AND carrier = 'UA' AND dest = 'IAH'
ORDER BY time_hour
LIMIT 3;

-- Buckets of six hours around the storm of February 8th.
SELECT date_bin(INTERVAL '6 hours', time_hour) AS from_hour, count(*) AS planned, count(dep_time) AS left_the_ground
FROM flights
WHERE month = 2 AND day BETWEEN 8 AND 9
GROUP BY from_hour
ORDER BY from_hour;
