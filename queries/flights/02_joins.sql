-- Joins: inner, outer, semi and anti.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

CREATE EXTERNAL TABLE IF NOT EXISTS planes STORED AS CSV LOCATION 'queries/data/planes.csv' OPTIONS ('nullstr' 'NA');
CREATE EXTERNAL TABLE IF NOT EXISTS airports STORED AS CSV LOCATION 'queries/data/airports.csv' OPTIONS ('nullstr' 'NA');

-- The makers that fly the most from New York.
SELECT p.manufacturer, count(DISTINCT p.tailnum) AS planes, count(*) AS flights, round(avg(p.seats)) AS seats
FROM flights AS f
JOIN planes AS p ON f.tailnum = p.tailnum
GROUP BY p.manufacturer
ORDER BY flights DESC
LIMIT 5;

-- A left join keeps every flight; the planes nobody registered show as NULL.
SELECT p.tailnum IS NULL AS unknown_plane, count(*) AS flights
FROM flights AS f
LEFT JOIN planes AS p ON f.tailnum = p.tailnum
GROUP BY unknown_plane
ORDER BY unknown_plane;

-- A semi join keeps the airports that are flown to; an anti join the destinations no one has listed.
SELECT count(*) AS airports_flown_to FROM airports LEFT SEMI JOIN flights ON airports.faa = flights.dest;

SELECT DISTINCT dest AS unlisted
FROM flights LEFT ANTI JOIN airports ON flights.dest = airports.faa
ORDER BY unlisted;

-- Great-circle distance in miles from each origin to its farthest destination, beside the airline's own figure.
SELECT
    r.origin,
    d.name AS farthest,
    r.miles,
    round(3959 * acos(
        sin(radians(o.lat)) * sin(radians(d.lat))
        + cos(radians(o.lat)) * cos(radians(d.lat)) * cos(radians(d.lon - o.lon))
    )) AS great_circle
FROM (SELECT origin, dest, max(distance) AS miles FROM flights GROUP BY origin, dest) AS r
JOIN airports AS o ON r.origin = o.faa
JOIN airports AS d ON r.dest = d.faa
QUALIFY row_number() OVER (PARTITION BY r.origin ORDER BY r.miles DESC) = 1
ORDER BY r.origin;
