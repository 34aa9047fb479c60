//! Partitions, running, persisted frames, plans to look at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "running/compute.rs"]
mod compute;
#[path = "running/limit.rs"]
mod limit;
#[path = "running/partitions.rs"]
mod partitions;
#[path = "running/persist.rs"]
mod persist;
#[path = "running/plans.rs"]
mod plans;
#[path = "running/together.rs"]
mod together;

use partita::{Context, Frame};

/// A context far from its limit, with two threads.
fn context() -> Context {
    Context::builder().memory_limit("4GB".parse().unwrap()).threads(2).build().unwrap()
}

async fn frame(ctx: &Context, sql: &str) -> Frame {
    ctx.sql(sql).await.unwrap()
}

/// All rows as text, sorted.
async fn rows(frame: &Frame) -> Vec<String> {
    let batches = frame.compute().await.unwrap();
    lines(&batches)
}

fn lines(batches: &[datafusion::arrow::record_batch::RecordBatch]) -> Vec<String> {
    let text = datafusion::arrow::util::pretty::pretty_format_batches(batches).unwrap().to_string();
    let one_space = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = text.lines().filter(|line| line.starts_with('|')).skip(1).map(one_space).collect();
    lines.sort();
    lines
}
