-- Lists and structs: rows inside a row, and back.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

-- The destinations of each carrier as one list.
SELECT carrier, array_length(dests) AS n, array_slice(dests, 1, 5) AS first_five
FROM (SELECT carrier, array_agg(DISTINCT dest ORDER BY dest) AS dests FROM flights GROUP BY carrier) AS c
ORDER BY n DESC
LIMIT 5;

-- A struct holds several values under names; a field is taken out with brackets.
WITH worst AS (
    SELECT
        origin,
        first_value(named_struct('carrier', carrier, 'flight', flight, 'delay', dep_delay)
            ORDER BY dep_delay DESC NULLS LAST, flight) AS flight
    FROM flights
    GROUP BY origin
)
SELECT origin, flight['carrier'] AS carrier, flight['flight'] AS number, flight['delay'] AS delay, flight
FROM worst
ORDER BY origin;

-- unnest turns each element into a row.
SELECT carrier, unnest(origins) AS origin
FROM (SELECT carrier, array_agg(DISTINCT origin ORDER BY origin) AS origins FROM flights GROUP BY carrier) AS c
WHERE carrier IN ('VX', 'WN')
ORDER BY carrier, origin;
