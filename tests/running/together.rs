//! Several frames at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use partita::{Context, Frame, compute_all};

use super::{context, frame, lines, rows};

/// A frame that counts the rows that it makes.
async fn counting(ctx: &Context) -> (Frame, Arc<AtomicUsize>) {
    let base = frame(ctx, "SELECT value AS n, value % 3 AS k FROM generate_series(1, 30000)").await;
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let schema = base.schema();
    let counting = base.map_partitions(&schema, move |batches, _| {
        let count = Arc::clone(&count);
        batches.inspect(move |batch| {
            count.fetch_add(batch.as_ref().map_or(0, |batch| batch.num_rows()), Ordering::Relaxed);
        })
    });
    (counting.unwrap(), made)
}

#[tokio::test]
async fn shared_work_runs_once() {
    let ctx = context();
    let (base, made) = counting(&ctx).await;
    let dealt = base.repartition(3).unwrap();
    let frames = [dealt.clone(), base.repartition(2).unwrap(), base.clone(), dealt];
    let results = compute_all(frames.clone()).await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 30_000, "made once for four frames");
    for (result, frame) in results.iter().zip(&frames) {
        assert_eq!(lines(result), rows(frame).await);
    }
}

#[tokio::test]
async fn nothing_shared_is_nothing_lost() {
    let ctx = context();
    assert!(compute_all([]).await.unwrap().is_empty());
    let (a, b) = (frame(&ctx, "SELECT 1 AS a").await, frame(&ctx, "SELECT 2 AS b").await);
    let results = compute_all([a, b]).await.unwrap();
    assert_eq!((lines(&results[0]), lines(&results[1])), (vec!["| 1 |".to_string()], vec!["| 2 |".to_string()]));
    let other = frame(&context(), "SELECT 1 AS a").await;
    assert!(compute_all([frame(&ctx, "SELECT 1 AS a").await, other]).await.unwrap_err().is_user());
}

/// A table of the same name and columns took the place of another between two frames: to the engine their scans are equal.
#[tokio::test]
async fn a_name_may_mean_two_tables() {
    let ctx = context();
    frame(&ctx, "CREATE TABLE t AS SELECT 1 AS a").await;
    let before = frame(&ctx, "SELECT sum(a) AS s FROM t").await;
    frame(&ctx, "CREATE OR REPLACE TABLE t AS SELECT 2 AS a").await;
    let after = frame(&ctx, "SELECT sum(a) AS s FROM t").await;
    let results = compute_all([before, after]).await.unwrap();
    assert_eq!((lines(&results[0]), lines(&results[1])), (vec!["| 1 |".to_string()], vec!["| 2 |".to_string()]));
}
