-- Parameters: values from outside, typed, never pasted into the text.
--
--     partita -p origin=JFK -p month=7 -p least=120 queries/flights/11_parameters.sql

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

SELECT carrier, flight, dest, dep_delay
FROM flights
WHERE origin = $origin AND month = $month AND dep_delay >= $least
ORDER BY dep_delay DESC, flight
LIMIT 10;

-- A prepared statement takes its own by position.
PREPARE busiest AS
SELECT dest, count(*) AS flights FROM flights WHERE carrier = $1 GROUP BY dest ORDER BY flights DESC, dest LIMIT 3;

EXECUTE busiest('UA');
EXECUTE busiest('B6');
