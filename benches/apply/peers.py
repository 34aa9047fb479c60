#!/usr/bin/env python3
"""Runs one row function on Partita and its peers and prints times and ratios.

    benches/apply/peers.py [--rows N] [--threads N] [--partita BINARY] [--only WAY,WAY]

Every way runs in a process of its own. Peers that are not installed are left out. BINARY is the built bench `apply`; by
default the newest below target/release/deps. See benches/apply/README.md.
"""

import argparse
import importlib.util
import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def steps(n):
    steps = 0
    while n > 1 and steps < 20:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return n + steps


def wave(n):
    import numpy as np

    return np.sqrt(n) * np.sin(n) + np.log1p(n)


def best_of(runs, work):
    """The fastest of some runs, in seconds."""
    best = float("inf")
    for _ in range(runs):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def pandas_apply(rows, threads):
    import numpy
    import pandas

    frame = pandas.DataFrame({"n": numpy.arange(1, rows + 1)})
    return best_of(1, lambda: frame.apply(lambda row: steps(int(row["n"])), axis=1).sum())


def row_steps(row):
    return steps(int(row["n"]))


def dask_apply(rows, threads):
    import dask
    import dask.dataframe
    import numpy
    import pandas

    frame = pandas.DataFrame({"n": numpy.arange(1, rows + 1)})
    parts = dask.dataframe.from_pandas(frame, npartitions=threads)
    result = parts.apply(row_steps, axis=1, meta=("steps", "int64")).sum()
    with dask.config.set(scheduler="processes", num_workers=threads):
        return best_of(1, result.compute)


def duckdb_function(rows, threads):
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    connection.create_function("steps", steps, ["BIGINT"], "BIGINT")
    connection.execute(f"CREATE TABLE numbers AS SELECT i AS n FROM range(1, {rows + 1}) AS r(i)")
    return best_of(2, lambda: connection.execute("SELECT sum(steps(n)) FROM numbers").fetchall())


def polars_elements(rows, threads):
    import polars

    frame = polars.DataFrame({"n": range(1, rows + 1)})
    return best_of(2, lambda: frame.select(polars.col("n").map_elements(steps, return_dtype=polars.Int64).sum()))


def python_loop(rows, threads):
    numbers = list(range(1, rows + 1))
    return best_of(2, lambda: sum(map(steps, numbers)))


def numpy_alone(rows, threads):
    import numpy

    numbers = numpy.arange(1, rows + 1, dtype="f8")
    return best_of(30, lambda: wave(numbers).sum())


PEERS = {
    "dask apply, processes": ("dask", dask_apply),
    "pandas apply": ("pandas", pandas_apply),
    "duckdb Python function": ("duckdb", duckdb_function),
    "polars map_elements": ("polars", polars_elements),
    "Python loop": ("json", python_loop),
    "NumPy alone": ("numpy", numpy_alone),
}


# Ways of Partita that are called by another name in the table.
NAMES = {"python": "python, interpreter", "native": "python, native"}


def child(name, rows, threads, answer):
    answer.put(PEERS[name][1](rows, threads))


def peer(name, rows, threads):
    answer = multiprocessing.get_context("spawn").SimpleQueue()
    process = multiprocessing.get_context("spawn").Process(target=child, args=(name, rows, threads, answer))
    process.start()
    process.join()
    return answer.get() if process.exitcode == 0 else None


def newest_bench():
    found = [path for path in ROOT.glob("target/release/deps/apply-*") if path.suffix == ""]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def partita(binary, rows, threads):
    output = subprocess.run([binary, str(rows), str(threads)], check=True, capture_output=True, text=True).stdout
    return {way: float(seconds) for way, seconds in (line.split() for line in output.splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--partita", type=Path, default=None)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    binary = options.partita or newest_bench()
    if binary is None:
        sys.exit("build it first: cargo build --release --bench apply")
    chosen = [name.strip() for name in options.only.split(",") if name.strip()]
    ours = partita(binary, options.rows, options.threads)
    times = {f"Partita, {NAMES.get(way, way)}": seconds for way, seconds in ours.items()}
    for name, (package, _) in PEERS.items():
        if (chosen and name not in chosen) or importlib.util.find_spec(package) is None:
            continue
        seconds = peer(name, options.rows, options.threads)
        if seconds is not None:
            times[name] = seconds
    print(f"{options.rows:,} rows, {options.threads} threads\n")
    print("| way | seconds | Rust closure is faster by | native Python is faster by | Python rows are faster by | NumPy columns are faster by |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, seconds in sorted(times.items(), key=lambda item: -item[1]):
        same = name == "NumPy alone" or name == "Partita, numpy"
        ratio = lambda way, fits: f"{seconds / ours[way]:.2f}" if fits and way in ours else ""
        ratios = [ratio(way, not same) for way in ("rust", "native", "python")] + [ratio("numpy", same)]
        print(f"| {name} | {seconds:.4f} | {' | '.join(ratios)} |")
    json.dump(times, sys.stderr)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
