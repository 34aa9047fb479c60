-- Functions in Python over whole columns: one call a batch. Parameters annotated as NumPy arrays are such; without an
-- annotation they are pyarrow arrays. Needs NumPy and pyarrow in the Python that `SET python_path` names, or `python3`.

CREATE EXTERNAL TABLE IF NOT EXISTS flights STORED AS PARQUET PARTITIONED BY (month) LOCATION 'queries/data/flights/';

CREATE FUNCTION climb(distance DOUBLE, minutes DOUBLE) RETURNS DOUBLE LANGUAGE PYTHON_COLUMNS AS $$
import numpy as np

def climb(distance: np.ndarray, minutes: np.ndarray):
    return np.log1p(distance) / np.sqrt(minutes)
$$;

CREATE FUNCTION initials(name VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON_COLUMNS AS $$
import pyarrow.compute as pc

def initials(name):
    return pc.utf8_slice_codeunits(pc.utf8_lower(name), 0, 1)
$$;

SELECT initials(carrier) AS initial, round(avg(climb(distance, air_time)), 4) AS climb
FROM flights
GROUP BY initial
ORDER BY climb DESC
LIMIT 5;

DESCRIBE FUNCTION climb;
