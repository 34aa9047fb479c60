//! Frames made of frames.

use datafusion::execution::memory_pool::MemoryPool;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{JoinType, LogicalPlanBuilder, SortExpr};
use datafusion::prelude::{col, lit};
use futures::StreamExt;

use super::Frame;
use crate::{Context, compute_all};

fn context() -> Context {
    Context::builder().memory_limit("4GB".parse().unwrap()).threads(2).build().unwrap()
}

async fn series(ctx: &Context) -> Frame {
    ctx.sql("SELECT value AS n, value % 10 AS k FROM generate_series(1, 200000)").await.unwrap()
}

fn build(frame: &Frame, build: impl FnOnce(LogicalPlanBuilder) -> LogicalPlanBuilder) -> Frame {
    Frame::new(frame.context.clone(), build(LogicalPlanBuilder::from(frame.plan.clone())).build().unwrap())
}

fn grouped(frame: &Frame) -> Frame {
    build(frame, |plan| plan.aggregate([col("k")], [count(lit(1)).alias("c"), sum(col("n")).alias("s")]).unwrap())
}

async fn rows(frame: &Frame) -> Vec<(i64, i64, i64)> {
    let mut rows: Vec<(i64, i64, i64)> = frame.collect_into().await.unwrap();
    rows.sort_unstable();
    rows
}

/// How many exchanges the engine has put in, by hash of anything.
async fn exchanges(frame: &Frame) -> usize {
    frame.explain().await.unwrap().matches("RepartitionExec: partitioning=Hash").count()
}

#[tokio::test]
async fn later_groupings_do_not_shuffle_again() {
    let ctx = context();
    let series = series(&ctx).await;
    let expected = rows(&grouped(&series)).await;
    let dealt = series.repartition_by([crate::prelude::col("k")], 4).unwrap();
    for side in [dealt.clone(), dealt.persist().await.unwrap()] {
        let grouped = grouped(&side);
        assert_eq!(exchanges(&grouped).await, 0, "{}", grouped.explain().await.unwrap());
        assert_eq!(rows(&grouped).await, expected);
    }
    assert!(exchanges(&grouped(&series)).await > 0);
}

fn joined(left: &Frame, right: &Frame) -> Frame {
    let right = build(right, |plan| plan.project([col("n").alias("m"), col("k").alias("n2")]).unwrap());
    let join = |plan: LogicalPlanBuilder| plan.join(right.plan, JoinType::Inner, (vec!["n"], vec!["m"]), None).unwrap();
    let joined = build(left, join);
    build(&joined, |plan| {
        let none: [datafusion::logical_expr::Expr; 0] = [];
        plan.aggregate(none, [count(lit(1)).alias("c"), sum(col("k")).alias("s"), sum(col("n2")).alias("t")]).unwrap()
    })
}

#[tokio::test]
async fn later_joins_do_not_shuffle_again() {
    let ctx = context();
    // Neither side small enough to be shared by all partitions.
    let options = ctx.session().state_ref();
    options.write().config_mut().options_mut().optimizer.hash_join_single_partition_threshold = 0;
    options.write().config_mut().options_mut().optimizer.hash_join_single_partition_threshold_rows = 0;
    let series = series(&ctx).await;
    let dealt = series.repartition_by([crate::prelude::col("n")], 4).unwrap();
    let persisted = dealt.persist().await.unwrap();
    for (left, right) in [(&dealt, &dealt), (&persisted, &dealt), (&persisted, &series), (&series, &persisted)] {
        let joined = joined(left, right);
        assert_eq!(exchanges(&joined).await, 0, "{}", joined.explain().await.unwrap());
        assert_eq!(rows(&joined).await, [(200_000, 900_000, 900_000)]);
    }
    assert!(exchanges(&joined(&series, &series)).await > 0);
}

#[tokio::test]
async fn shared_work_runs_once_and_its_needed_columns_alone() {
    let ctx = context();
    let series = series(&ctx).await;
    let made = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (counter, schema) = (std::sync::Arc::clone(&made), series.schema());
    let base = series.map_partitions(&schema, move |batches, _| {
        let counter = std::sync::Arc::clone(&counter);
        batches.inspect(move |batch| {
            let rows = batch.as_ref().map_or(0, |batch| batch.num_rows());
            counter.fetch_add(rows, std::sync::atomic::Ordering::Relaxed);
        })
    });
    let base = base.unwrap();
    let by_key = grouped(&base);
    let top = build(&base, |plan| plan.sort_with_limit([SortExpr::new(col("n"), false, false)], Some(3)).unwrap());
    let keys = build(&base, |plan| plan.project([col("k")]).unwrap().distinct().unwrap());
    let results = compute_all([by_key.clone(), top, keys, by_key]).await.unwrap();
    assert_eq!(made.load(std::sync::atomic::Ordering::Relaxed), 200_000);
    let sizes = results.iter().map(|batches| batches.iter().map(|batch| batch.num_rows()).sum::<usize>());
    assert_eq!(sizes.collect::<Vec<_>>(), [10, 3, 10, 10]);
    assert_eq!(ctx.memory().budget.reserved(), 0, "computed parts are dropped");
}
