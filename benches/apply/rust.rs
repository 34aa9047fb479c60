//! Partita's part of the comparison of row functions: prints `way seconds` for each way to write one.
//!
//! ```sh
//! cargo bench --bench apply -- ROWS THREADS [WAY …]
//! ```

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use futures::StreamExt;
use partita::prelude::*;

/// At most 20 steps of Collatz: branches, and no two rows alike.
fn steps(mut n: i64) -> i64 {
    let mut steps = 0;
    while n > 1 && steps < 20 {
        n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    n + steps
}

/// Inside of the subset of Python that runs natively.
const NATIVE: &str = "CREATE FUNCTION steps_native(n BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
def steps_native(n):
    steps = 0
    while n > 1 and steps < 20:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return n + steps
$$";

/// The same in the interpreter: a statement beside the function leaves the subset, and costs nothing when it is called.
const PYTHON: &str = "CREATE FUNCTION steps_python(n BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
MOST = 20
def steps_python(n):
    steps = 0
    while n > 1 and steps < 20:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return n + steps
$$";

const NUMPY: &str = "CREATE FUNCTION wave(n DOUBLE) RETURNS DOUBLE LANGUAGE PYTHON_COLUMNS AS $$
import numpy as np
def wave(n: np.ndarray):
    return np.sqrt(n) * np.sin(n) + np.log1p(n)
$$";

/// The ways and what each of them asks.
const WAYS: [(&str, &str); 4] = [
    ("rust", "SELECT sum(steps_rust(n)) FROM numbers"),
    ("native", "SELECT sum(steps_native(n)) FROM numbers"),
    ("python", "SELECT sum(steps_python(n)) FROM numbers"),
    ("numpy", "SELECT sum(wave(x)) FROM numbers"),
];

#[tokio::main]
async fn main() -> partita::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let number = |at: usize, default: u64| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(default);
    let (rows, threads) = (number(0, 1_000_000), number(1, 2));
    let chosen = words.get(2..).unwrap_or_default();
    let ctx = Context::builder().threads(threads as usize).memory_limit("512MB".parse()?).build()?;
    ctx.register_function(&row_function("steps_rust", steps))?;
    drain(&ctx, NATIVE).await?;
    drain(&ctx, PYTHON).await?;
    let numpy = drain(&ctx, NUMPY).await.is_ok();
    let table = format!(
        "CREATE TABLE numbers AS SELECT value AS n, CAST(value AS DOUBLE) AS x FROM generate_series(1, {rows})"
    );
    drain(&ctx, &table).await?;
    for (way, query) in WAYS.iter().filter(|(way, _)| chosen.is_empty() || chosen.iter().any(|word| word == way)) {
        if *way == "numpy" && !numpy {
            continue;
        }
        // The short ones more often: they are a few time slices of the system's long.
        let (mut best, begun) = (Duration::MAX, Instant::now());
        for round in 0..30 {
            if round >= 3 && begun.elapsed() > Duration::from_secs(2) {
                break;
            }
            let started = Instant::now();
            drain(&ctx, query).await?;
            best = best.min(started.elapsed());
        }
        println!("{way} {:.4}", best.as_secs_f64());
    }
    Ok(())
}

async fn drain(ctx: &Context, query: &str) -> partita::Result<()> {
    let mut run = ctx.sql(query).await?.run().await?;
    while let Some(batch) = run.next().await {
        batch?;
    }
    Ok(())
}
