-- Partita in two minutes: all flights that left New York City in 2013.
-- Run it from the project's root:
--
--     cargo run --release -- queries/quickstart.sql

-- A folder of Parquet files, one folder a month, is one table. `month` comes from the folders' names.
CREATE EXTERNAL TABLE flights
STORED AS PARQUET
PARTITIONED BY (month)
LOCATION 'queries/data/flights/';

-- CSV files are tables too; these write NA where a value is missing.
CREATE EXTERNAL TABLE airlines STORED AS CSV
LOCATION 'queries/data/airlines.csv'
OPTIONS ('header' 'true', 'nullstr' 'NA');

CREATE EXTERNAL TABLE weather STORED AS CSV
LOCATION 'queries/data/weather.csv'
OPTIONS ('header' 'true', 'nullstr' 'NA');

SHOW TABLES;

-- Which airline is on time? A join and a few aggregates. Cancelled flights have no departure delay.
SELECT
    airlines.name,
    count(*) AS flights,
    round(avg(dep_delay), 1) AS mean_delay,
    median(dep_delay) AS median_delay,
    round(100.0 * count(*) FILTER (WHERE dep_delay IS NULL) / count(*), 2) AS cancelled_percent
FROM flights
JOIN airlines USING (carrier)
GROUP BY airlines.name
ORDER BY flights DESC;

-- Only the files of three months are read: the others cannot hold a row that is asked for.
SELECT month, count(*) AS flights, max(dep_delay) AS worst_delay
FROM flights
WHERE month IN (6, 7, 8)
GROUP BY month
ORDER BY month;

-- The two longest delays of each airport: a window function, filtered by QUALIFY.
SELECT origin, dest, carrier, flight, dep_delay
FROM flights
WHERE dep_delay IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY origin ORDER BY dep_delay DESC, flight) <= 2
ORDER BY origin, dep_delay DESC;

-- Does wind make flights late? Each flight meets the weather of its airport and hour.
SELECT
    CAST(floor(wind_speed / 10) * 10 AS INT) AS wind_from_mph,
    count(*) AS flights,
    round(avg(dep_delay), 1) AS mean_delay
FROM flights
JOIN weather ON flights.origin = weather.origin AND flights.time_hour = weather.time_hour
WHERE wind_speed IS NOT NULL
GROUP BY wind_from_mph
ORDER BY wind_from_mph;

-- Results go to files as well: here one row a route, as Parquet …
COPY (
    SELECT origin, dest, count(*) AS flights, avg(air_time) AS minutes, max(distance) AS miles
    FROM flights
    GROUP BY origin, dest
)
TO 'target/quickstart/routes.parquet';

-- … which can be read back by its path, without a table.
SELECT origin, dest, flights, round(minutes, 1) AS minutes, round(60 * miles / minutes) AS mph
FROM 'target/quickstart/routes.parquet'
WHERE flights > 365
ORDER BY mph DESC
LIMIT 5;
