#!/usr/bin/env python3
"""Runs SQL queries on several engines under one memory limit, one process a query, and compares them.

    benches/peers/peers.py --data DIR [--queries DIR] [--engines LIST] [--memory-mb N] [--threads N]
                           [--runs N] [--timeout SECONDS] [--only q1,q6] [--container-mb N] [--json FILE]

DIR of --data: every Parquet file, or folder of them, is a table named by its stem.
LIST: partita, duckdb, polars, datafusion, or partita=PATH for another binary than target/release/partita. The peers
are Python wheels: pip install duckdb polars datafusion pyarrow.
--container-mb runs each query in a memory control group of that size (Linux, as root): who passes it is killed there.

Seconds are the query's own, without the start of a process and the opening of tables; MB is the largest resident size
of the process. Of several runs the fastest counts. The ratios at the end are the first engine's time over each other's:
below 1 the first is faster. The exit code is 1 if the first engine failed anywhere or results differ.
"""

import argparse
import datetime
import decimal
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_ROWS_COMPARED = 200_000


# ── one query on one engine, in a process of its own ────────────────────────────────────────────────────────────────


def tables(data):
    """Names and paths of the tables in a folder."""
    for path in sorted(Path(data).iterdir()):
        if path.suffix == ".parquet" or path.is_dir():
            yield path.stem, path


def query_text(path):
    """The one statement of a script, without lines that are comments."""
    lines = (line for line in Path(path).read_text().splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip().rstrip(";")


def files(path):
    return f"{path}/**/*.parquet" if path.is_dir() else str(path)


def run_duckdb(job):
    import duckdb

    config = {
        "threads": job["threads"],
        "memory_limit": f"{job['memory_mb']}MB",
        "temp_directory": job["scratch"],
        "preserve_insertion_order": "false",
    }
    connection = duckdb.connect(config=config)
    for name, path in tables(job["data"]):
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{files(path)}')")
    return lambda text: connection.sql(text).to_arrow_table()


def run_datafusion(job):
    import datafusion
    import pyarrow

    runtime = datafusion.RuntimeEnvBuilder().with_fair_spill_pool(job["memory_mb"] * 1_000_000)
    runtime = runtime.with_disk_manager_specified(job["scratch"])
    config = datafusion.SessionConfig().with_target_partitions(job["threads"])
    context = datafusion.SessionContext(config, runtime)
    for name, path in tables(job["data"]):
        context.register_parquet(name, str(path))

    def run(text):
        frame = context.sql(text)
        return pyarrow.Table.from_batches(frame.collect(), schema=pyarrow.schema(frame.schema()))

    return run


def run_polars(job):
    # Polars has no memory limit; its streaming engine is what comes nearest.
    os.environ["POLARS_MAX_THREADS"] = str(job["threads"])
    os.environ["POLARS_TEMP_DIR"] = job["scratch"]
    import polars

    context = polars.SQLContext({name: polars.scan_parquet(files(path)) for name, path in tables(job["data"])})
    return lambda text: context.execute(text, eager=False).collect(engine="streaming").to_arrow()


WHEELS = {"duckdb": run_duckdb, "datafusion": run_datafusion, "polars": run_polars}


def work(job):
    """The child process: opens the tables, runs the query, prints its figures."""
    run = WHEELS[job["engine"]](job)
    text = query_text(job["query"])
    begun = time.monotonic()
    table = run(text)
    seconds = time.monotonic() - begun
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_rows(table, job["scratch"])
    print(json.dumps({"seconds": seconds, "rows": table.num_rows, "resident_kb": resident, "spilled": None}))


def work_partita(job):
    """The child process of the binary: figures from its report, rows from its output."""
    import pyarrow.parquet

    scratch = Path(job["scratch"])
    report, output = scratch / "report.json", scratch / "output.parquet"
    command = [job["program"], "--no-init", "--memory-limit", f"{job['memory_mb']}MB"]
    command += ["--threads", str(job["threads"]), "--spill-dir", str(scratch), "--load", job["data"]]
    command += ["--report", str(report), "--output", str(output), job["query"]]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
        sys.exit(done.returncode if done.returncode > 0 else 128 - done.returncode)
    figures = json.loads(report.read_text())
    table = pyarrow.parquet.read_table(output)
    write_rows(table, scratch)
    statements = figures["statements"]
    print(json.dumps({
        "seconds": sum(statement["seconds"] for statement in statements),
        "rows": table.num_rows,
        "resident_kb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
        "spilled": sum(statement["spilled_bytes"] or 0 for statement in statements),
    }))


def write_rows(table, scratch):
    """Leaves the rows where the parent compares them, unless there are too many."""
    rows = None
    if table.num_rows <= MOST_ROWS_COMPARED:
        rows = sorted(([plain(v) for v in row] for row in zip(*(c.to_pylist() for c in table.columns))), key=row_key)
    (Path(scratch) / "rows.json").write_text(json.dumps(rows))


def plain(value):
    """A value as a number or text, the same for every engine."""
    if value is None:
        return "~"
    if isinstance(value, (bool, int, float, decimal.Decimal)):
        return float(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)


def row_key(row):
    """An order that nearly equal numbers cannot disturb: by texts, by whole numbers, by three digits of the rest."""
    numbers = [value for value in row if not isinstance(value, str)]
    texts = [value for value in row if isinstance(value, str)]
    return texts, [n for n in numbers if n.is_integer()], [f"{n:.3g}" for n in numbers]


# ── the comparison ──────────────────────────────────────────────────────────────────────────────────────────────────


def measure(engine, query, options):
    """The figures of one run, or {"error": …}."""
    scratch = tempfile.mkdtemp(prefix="peers-")
    name, _, program = engine.partition("=")
    job = {
        "engine": name,
        "program": program or str(ROOT / "target/release/partita"),
        "query": str(query),
        "data": options.data,
        "memory_mb": options.memory_mb,
        "threads": options.threads,
        "scratch": scratch,
    }
    group = control_group(options.container_mb) if options.container_mb else None
    enter = (lambda: (group / "cgroup.procs").write_text(str(os.getpid()))) if group else None
    try:
        child = [sys.executable, __file__, "--work", json.dumps(job)]
        done = subprocess.run(child, capture_output=True, text=True, timeout=options.timeout, preexec_fn=enter)
        if done.returncode == 0:
            figures = json.loads(done.stdout.splitlines()[-1])
            return figures | {"result": json.loads((Path(scratch) / "rows.json").read_text())}
        return {"error": last_line(done)}
    except subprocess.TimeoutExpired:
        return {"error": f"more than {options.timeout} s"}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if group:
            group.rmdir()


def last_line(done):
    if done.returncode < 0 or done.returncode > 128:
        return f"killed by signal {-done.returncode if done.returncode < 0 else done.returncode - 128}"
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:100]


def control_group(megabytes):
    """A fresh memory control group, of version 1 or 2."""
    first = Path("/sys/fs/cgroup/memory")
    group = (first if first.is_dir() else Path("/sys/fs/cgroup")) / f"peers-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    limit = "memory.limit_in_bytes" if first.is_dir() else "memory.max"
    (group / limit).write_text(str(megabytes << 20))
    return group


def agree(left, right):
    """Whether two results hold the same rows; numbers may differ by 1e-4 (averages of decimals are rounded)."""
    if left is None or right is None:
        return True

    def close(a, b):
        if isinstance(a, str) or isinstance(b, str):
            return a == b
        return abs(a - b) <= 1e-4 * max(1e-2, abs(a), abs(b))

    rows = zip(left, right)
    return len(left) == len(right) and all(len(a) == len(b) and all(map(close, a, b)) for a, b in rows)


def best(runs):
    """The fastest run that succeeded, or any failure."""
    succeeded = [run for run in runs if "error" not in run]
    return min(succeeded, key=lambda run: run["seconds"]) if succeeded else runs[0]


def cell(run):
    if "error" in run:
        return f"FAILED {run['error']}"
    spilled = f" spilled {run['spilled'] / 1e6:.0f} MB" if run["spilled"] else ""
    return f"{run['seconds']:8.3f} s {run['resident_kb'] / 1000:6.0f} MB{spilled}"


def compare(options):
    """Runs everything, a line a query; the outcome of each query and engine, and whether all results agreed."""
    outcome, agreed = {}, True
    for query in queries(options):
        # The engines take turns, so that a slow minute of the machine hits all of them.
        runs = [{engine: measure(engine, query, options) for engine in options.engines} for _ in range(options.runs)]
        fastest = {engine: best([run[engine] for run in runs]) for engine in options.engines}
        results = [run.pop("result") for run in fastest.values() if "result" in run]
        same = all(agree(results[0], result) for result in results[1:])
        agreed &= same
        outcome[query.stem] = fastest
        cells = "   ".join(f"{engine.partition('=')[0]}: {cell(run)}" for engine, run in fastest.items())
        print(f"{query.stem:5s} {cells}{'' if same else '   RESULTS DIFFER'}", flush=True)
    return outcome, agreed


def queries(options):
    only = set(options.only.split(",")) if options.only else None
    paths = sorted(Path(options.queries).glob("*.sql"), key=lambda path: (len(path.stem), path.stem))
    return [path for path in paths if only is None or path.stem in only]


def geometric_mean(values):
    return math.exp(sum(math.log(max(value, 1e-3)) for value in values) / len(values))


def summarize(outcome, engines):
    """Totals of each engine, then the ratios over the queries that both finished."""
    print()
    for engine in engines:
        done = [runs[engine] for runs in outcome.values() if "error" not in runs[engine]]
        line = f"{engine}: {len(done)} of {len(outcome)} finished"
        if done:
            seconds = [run["seconds"] for run in done]
            peak = max(run["resident_kb"] for run in done) / 1000
            line += f", {sum(seconds):.1f} s in all, geometric mean {geometric_mean(seconds):.3f} s, peak {peak:.0f} MB"
        print(line)
    first = engines[0]
    for other in engines[1:]:
        both = [runs for runs in outcome.values() if "error" not in runs[first] and "error" not in runs[other]]
        if both:
            ratio = geometric_mean([r[first]["seconds"] for r in both]) / geometric_mean([r[other]["seconds"] for r in both])
            print(f"{first} / {other}: {ratio:.3f} over {len(both)} queries")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--data")
    parser.add_argument("--queries", default=str(ROOT / "queries/tpch"))
    parser.add_argument("--engines", type=lambda text: text.split(","), default=["partita", "datafusion", "duckdb"])
    parser.add_argument("--memory-mb", type=int, default=16_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=300)
    parser.add_argument("--only")
    parser.add_argument("--container-mb", type=int)
    parser.add_argument("--json", help="where all figures go")
    options = parser.parse_args()
    if not options.work and not options.data:
        parser.error("--data is needed")
    return options


def main():
    options = arguments()
    if options.work:
        job = json.loads(options.work)
        return work_partita(job) if job["engine"] == "partita" else work(job)
    outcome, agreed = compare(options)
    summarize(outcome, options.engines)
    if options.json:
        Path(options.json).write_text(json.dumps(outcome, indent=1))
    failed = any("error" in runs[options.engines[0]] for runs in outcome.values())
    sys.exit(1 if failed or not agreed else 0)


if __name__ == "__main__":
    main()
