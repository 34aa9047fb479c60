//! Joins whose build side is far larger than memory: the same rows at the smallest limit as without one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use futures::StreamExt;
use partita::MemoryLimit;
use partita::prelude::*;

fn context(limit: MemoryLimit) -> Context {
    Context::builder().memory_limit(limit).threads(2).build().unwrap()
}

/// A million rows of about 100 bytes, of every key two; and the same again with other keys and some NULLs.
const TABLES: [&str; 2] = [
    "CREATE VIEW build AS SELECT value % 500000 AS k, value AS v, 'a rather long text of the build row ' || value AS t
     FROM generate_series(1, 1000000)",
    "CREATE VIEW probe AS SELECT CASE WHEN value % 1000 = 0 THEN NULL ELSE value % 750000 END AS k, value AS w
     FROM generate_series(1, 1500000)",
];

async fn run(ctx: &Context, sql: &str) -> Result<Vec<RecordBatch>> {
    ctx.sql(sql).await?.compute().await
}

/// What `sql` gives at `limit`, and how many bytes it has spilled.
async fn answer(limit: MemoryLimit, sql: &str) -> (String, u64) {
    let ctx = context(limit);
    for table in TABLES {
        run(&ctx, table).await.unwrap();
    }
    let mut run = ctx.sql(sql).await.unwrap().run().await.unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = run.next().await {
        batches.push(batch.unwrap());
    }
    let spilled = run.figures().spilled_bytes;
    (pretty_format_batches(&batches).unwrap().to_string(), spilled)
}

/// The same answer at the smallest limit, by way of the disk, as with all of the machine's memory.
async fn same(sql: &str) {
    let (expected, _) = answer("8GB".parse().unwrap(), sql).await;
    let (got, spilled) = answer(MemoryLimit::smallest(), sql).await;
    assert_eq!(got, expected, "{sql}");
    assert!(spilled > 0, "{sql} did not spill");
}

/// Sums over all rows that come out: any that is lost, repeated or put together wrongly changes them.
fn sums(from: &str) -> String {
    format!("SELECT count(*), count(v), count(w), sum(v), sum(w), sum(v * 7 + w * 13), max(length(t)) FROM {from}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inner_joins_spill() {
    same(&sums("build JOIN probe ON build.k = probe.k")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outer_joins_spill() {
    same(&sums("build FULL JOIN probe ON build.k = probe.k AND v % 3 <> w % 3")).await;
}
