-- Functions that are an SQL expression: the optimizer sees through them.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

-- Miles an hour, from a distance in miles and minutes in the air.
CREATE FUNCTION speed(distance DOUBLE, air_time DOUBLE DEFAULT 60) RETURNS DOUBLE
RETURN distance / air_time * 60;

CREATE FUNCTION lateness(delay DOUBLE) RETURNS VARCHAR AS $$
    CASE
        WHEN delay IS NULL THEN 'cancelled'
        WHEN delay <= 0 THEN 'on time'
        WHEN delay <= 60 THEN 'late'
        ELSE 'very late'
    END
$$;

SELECT lateness(dep_delay) AS departure, count(*) AS flights, round(avg(speed(distance, air_time)), 1) AS mph
FROM flights
GROUP BY departure
ORDER BY flights DESC;

-- One may call another, look something up, and be called with names.
CREATE FUNCTION busiest_month() RETURNS BIGINT
RETURN (SELECT CAST(month AS BIGINT) FROM flights GROUP BY month ORDER BY count(*) DESC LIMIT 1);

SELECT busiest_month() AS month, round(speed(air_time => 30, distance => 200)) AS mph, speed(200) AS default_mph;

-- The filter is the one of the body: what is far from late is not even read.
EXPLAIN SELECT count(*) FROM flights WHERE lateness(dep_delay) = 'very late';

SHOW FUNCTIONS;
