//! The 22 queries of TPC-H, each timed over Parquet files.
//!
//! ```sh
//! PARTITA_BENCH_DATA=/data/sf10 cargo bench --bench tpch -- q1$
//! ```
//!
//! Without the variable the tables are made at scale factor 0.1. `PARTITA_BENCH_LIMIT=512MB` sets the memory limit.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/common/tpch.rs"]
mod tpch;

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::TryStreamExt;
use partita::{Context, Result};
use tokio::runtime::Runtime;

const SCALE: f64 = 0.1;

fn queries(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let made = tempfile::tempdir().unwrap();
    let ctx = runtime.block_on(context(made.path().to_path_buf())).unwrap();
    let mut group = c.benchmark_group("tpch");
    group.sample_size(10);
    for number in 1..=tpch::QUERIES {
        let text = tpch::query(number);
        let ctx = &ctx;
        group.bench_function(format!("q{number}"), |bencher| {
            bencher.to_async(&runtime).iter(|| async { black_box(rows(ctx, &text).await.unwrap()) });
        });
    }
    group.finish();
}

/// A context with the eight tables, of the given folder or made in `made`.
async fn context(made: PathBuf) -> Result<Context> {
    let mut builder = Context::builder();
    if let Ok(limit) = std::env::var("PARTITA_BENCH_LIMIT") {
        builder = builder.memory_limit(limit.parse()?);
    }
    let ctx = builder.build()?;
    let folder = match std::env::var_os("PARTITA_BENCH_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => {
            tpch::generate(&ctx, SCALE, &made).await?;
            made
        }
    };
    tpch::register(&ctx, &folder).await?;
    Ok(ctx)
}

/// Runs a query and streams its rows away.
async fn rows(ctx: &Context, text: &str) -> Result<usize> {
    let run = ctx.sql(text).await?.run().await?;
    run.try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) }).await
}

criterion_group!(benches, queries);
criterion_main!(benches);
