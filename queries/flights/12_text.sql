-- Text: search, cut, replace, regular expressions.

CREATE EXTERNAL TABLE IF NOT EXISTS airports STORED AS CSV LOCATION 'queries/data/airports.csv' OPTIONS ('nullstr' 'NA');
CREATE EXTERNAL TABLE IF NOT EXISTS planes STORED AS CSV LOCATION 'queries/data/planes.csv' OPTIONS ('nullstr' 'NA');

-- What airports call themselves.
SELECT
    count(*) FILTER (WHERE name ILIKE '%international%' OR name LIKE '%Intl%') AS international,
    count(*) FILTER (WHERE name ~ '\bRegional\b') AS regional,
    count(*) FILTER (WHERE name LIKE '%Heliport%') AS heliports
FROM airports;

-- The city of a time zone, without its continent.
SELECT replace(split_part(tzone, '/', 2), '_', ' ') AS zone, count(*) AS airports
FROM airports
WHERE tzone IS NOT NULL
GROUP BY zone
ORDER BY airports DESC;

-- Families of aircraft, out of model names such as 737-824 and A320-214.
SELECT regexp_match(model, '^(A3\d\d|7\d7|MD-\d+|EMB-\d+|CL-\d+)')[1] AS family, count(*) AS planes
FROM planes
GROUP BY family
ORDER BY planes DESC
LIMIT 8;

-- Names that sound alike are few edits apart.
SELECT a.name, b.name AS like_it, levenshtein(a.name, b.name) AS edits
FROM airports AS a
JOIN airports AS b ON a.faa < b.faa AND left(a.name, 4) = left(b.name, 4)
WHERE levenshtein(a.name, b.name) BETWEEN 1 AND 2
ORDER BY a.name, b.name
LIMIT 5;
