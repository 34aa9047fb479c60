-- Recursion: a query that reads its own rows.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

-- A calendar without a calendar table, and the days on which the fewest planes left.
WITH RECURSIVE calendar AS (
    SELECT DATE '2013-01-01' AS day
    UNION ALL
    SELECT day + INTERVAL '1 day' FROM calendar WHERE day < DATE '2013-12-31'
)
SELECT calendar.day, count(f.dep_time) AS departures
FROM calendar
LEFT JOIN (
    SELECT make_date(year, CAST(month AS INT), day) AS date, dep_time FROM flights
) AS f ON f.date = calendar.day
GROUP BY calendar.day
ORDER BY departures, calendar.day
LIMIT 5;

-- One plane's day: each flight leads to the next one that leaves later.
WITH RECURSIVE
    legs AS (
        SELECT
            row_number() OVER (ORDER BY day, sched_dep_time) AS leg,
            origin || '→' || dest AS hop
        FROM flights
        WHERE tailnum = 'N14228' AND month = 1 AND day < 10
    ),
    journey AS (
        SELECT leg, hop AS path FROM legs WHERE leg = 1
        UNION ALL
        SELECT legs.leg, journey.path || ', ' || legs.hop
        FROM journey JOIN legs ON legs.leg = journey.leg + 1
    )
SELECT leg AS flights, path FROM journey ORDER BY leg DESC LIMIT 1;
