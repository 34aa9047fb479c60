-- Functions in Python, called once a row, in parallel, in processes apart. They are not a sandbox: the code may do what
-- you may.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

-- What stands above the function is set up once in each worker. NULL skips the call.
CREATE FUNCTION season(hour TIMESTAMP) RETURNS VARCHAR LANGUAGE PYTHON AS $$
import bisect

STARTS = [(3, 20), (6, 21), (9, 22), (12, 21)]
NAMES = ["winter", "spring", "summer", "autumn", "winter"]

def season(hour):
    return NAMES[bisect.bisect_right(STARTS, (hour.month, hour.day))]
$$;

SELECT season(CAST(time_hour AS TIMESTAMP)) AS season, count(*) AS flights, round(avg(dep_delay), 1) AS delay
FROM flights
GROUP BY season
ORDER BY delay;

-- Lists, structs, dates and decimals come as Python's own values, and go back as such.
CREATE FUNCTION parts(tail VARCHAR) RETURNS STRUCT<digits BIGINT, letters VARCHAR> LANGUAGE PYTHON AS $$
import re

PATTERN = re.compile(r"N(\d+)([A-Z]*)")

def parts(tail):
    match = PATTERN.fullmatch(tail)
    return match and {"digits": int(match[1]), "letters": match[2]}
$$;

SELECT parts(tailnum) AS parts, count(*) AS flights
FROM flights
WHERE parts(tailnum) IS NOT NULL
GROUP BY 1
ORDER BY flights DESC, parts
LIMIT 5;

-- A class is an aggregate: update takes a row, merge another partition's state, finish gives the result.
CREATE FUNCTION favourite(place VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON AS $$
from collections import Counter

class favourite:
    def __init__(self):
        self.counts = Counter()

    def update(self, place):
        self.counts[place] += 1

    def merge(self, other):
        self.counts.update(other.counts)

    def finish(self):
        return max(self.counts, key=lambda place: (self.counts[place], place), default=None)
$$;

SELECT carrier, favourite(dest) AS destination, count(*) AS flights
FROM flights
GROUP BY carrier
ORDER BY flights DESC
LIMIT 3;

-- A row that fails ends the query, with its values and the line of the body. Or it becomes NULL and is counted.
SET on_function_error = 'null';

CREATE FUNCTION inverse(delay BIGINT) RETURNS DOUBLE LANGUAGE PYTHON AS $$
def inverse(delay):
    return 1 / delay
$$;

SELECT count(*) AS flights, count(inverse(CAST(dep_delay AS BIGINT))) AS inverses FROM flights WHERE month = 1;

RESET on_function_error;
