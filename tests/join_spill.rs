//! Joins whose build side is far larger than memory: the same rows at the smallest limit as without one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::ExecutionPlan;
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

/// How many bytes the joins of `plan` have spilled.
fn spilled_by_joins(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().filter(|_| plan.name() == "SpillingHashJoinExec").and_then(|all| all.spilled_bytes());
    own.unwrap_or(0) + plan.children().into_iter().map(spilled_by_joins).sum::<usize>()
}

/// What `sql` gives at `limit`, and how many bytes its joins have spilled.
async fn answer(limit: MemoryLimit, sql: &str) -> (String, usize) {
    let ctx = context(limit);
    for statement in TABLES {
        run(&ctx, statement).await.unwrap();
    }
    let mut run = ctx.sql(sql).await.unwrap().run().await.unwrap();
    let mut batches = Vec::new();
    while let Some(batch) = run.next().await {
        batches.push(batch.unwrap());
    }
    let spilled = spilled_by_joins(run.monitor().physical_plan());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn semi_and_anti_joins_spill() {
    let rows = "SELECT count(*), sum(w), count(k) FROM probe WHERE";
    same(&format!("{rows} EXISTS (SELECT 1 FROM build WHERE build.k = probe.k AND build.v <> probe.w)")).await;
    same(&format!("{rows} NOT EXISTS (SELECT 1 FROM build WHERE build.k = probe.k AND length(t) > 3)")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_in_spills_and_knows_of_nulls() {
    let rows = "SELECT count(*), sum(v) FROM build WHERE t NOT IN";
    same(&format!("{rows} (SELECT 'a rather long text of the build row ' || w FROM probe WHERE w % 3 = 0)")).await;
    let with_null = "(SELECT nullif('a rather long text of the build row ' || w, t) FROM probe JOIN build ON w = v)";
    same(&format!("{rows} {with_null}")).await;
}

/// No hash splits the one key that most rows have; 1,000 rows of 30 kB do not fit at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_with_wide_rows_is_joined_in_blocks() {
    let wide = "(SELECT 1 AS k, value AS v, repeat('wide ' || value, 3500) AS t FROM generate_series(1, 1000))";
    let more = "(SELECT value % 2 AS k, value AS w, repeat('also wide', 3500) AS u FROM generate_series(1, 4000))";
    let from = format!("{wide} a FULL JOIN {more} b ON a.k = b.k AND a.v % 999 = b.w % 999");
    same(&format!("SELECT count(*), count(v), count(w), sum(v), sum(w), sum(length(t)), sum(length(u)) FROM {from}"))
        .await;
}
