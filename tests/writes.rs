//! Writes are there entirely or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use futures::StreamExt;
use partita::prelude::*;
use tempfile::TempDir;

fn context() -> Context {
    Context::builder().memory_limit("512MB".parse().unwrap()).threads(2).build().unwrap()
}

async fn run(ctx: &Context, sql: &str) -> Result<Vec<RecordBatch>> {
    ctx.sql(sql).await?.compute().await
}

async fn number(ctx: &Context, sql: &str) -> i64 {
    run(ctx, sql).await.unwrap()[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// The count row of a COPY or INSERT.
async fn write(ctx: &Context, sql: &str) -> u64 {
    run(ctx, sql).await.unwrap()[0].column_by_name("count").unwrap().as_primitive::<UInt64Type>().value(0)
}

/// Every file and folder below `root`, hidden ones included.
fn tree(root: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            names.extend(tree(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        }
        names.push(name);
    }
    names.sort();
    names
}

fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_string_lossy().into_owned();
    (folder, path)
}

/// Half a million good rows, then one that does not cast.
const FAILS_LATE: &str = "(SELECT value AS n, value % 7 AS day,
    CAST(CASE WHEN value = 500000 THEN 'oops' ELSE '1' END AS INT) AS x FROM generate_series(1, 600000))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_copy_leaves_nothing() {
    let ctx = context();
    for target in ["out.parquet", "out.csv", "out.json", "out.arrow", "folder/"] {
        let (root, path) = folder();
        let error = run(&ctx, &format!("COPY {FAILS_LATE} TO '{path}/{target}' STORED AS PARQUET")).await.unwrap_err();
        assert!(error.to_string().contains("oops"), "{error}");
        assert_eq!(tree(root.path()), Vec::<String>::new(), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_partitioned_copy_leaves_nothing_and_what_was_there() {
    let ctx = context();
    let (root, path) = folder();
    write(&ctx, &format!("COPY (SELECT 1 AS n, 1 AS day, 1 AS x) TO '{path}/out' STORED AS CSV PARTITIONED BY (day)"))
        .await;
    let before = tree(root.path());
    let copy = format!("COPY {FAILS_LATE} TO '{path}/out' STORED AS CSV PARTITIONED BY (day)");
    run(&ctx, &copy).await.unwrap_err();
    assert_eq!(tree(root.path()), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_copy_leaves_nothing() {
    let ctx = context();
    let (root, path) = folder();
    let copy = format!(
        "COPY (SELECT value, value % 5 AS k FROM generate_series(1, 100000000)) TO '{path}/out' STORED AS CSV PARTITIONED BY (k)"
    );
    let mut run = ctx.sql(&copy).await.unwrap().run().await.unwrap();
    let slept = tokio::time::timeout(std::time::Duration::from_millis(700), run.next()).await;
    assert!(slept.is_err(), "the copy ended before it was dropped");
    assert!(!tree(root.path()).is_empty(), "the copy had not begun");
    drop(run);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(tree(root.path()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_become_folders() {
    let ctx = context();
    let (root, path) = folder();
    let copy = format!(
        "COPY (SELECT value AS n, value % 3 AS k FROM generate_series(1, 1000)) TO '{path}/deep/out' STORED AS PARQUET PARTITIONED BY (k)"
    );
    assert_eq!(write(&ctx, &copy).await, 1000);
    let folders: Vec<_> = tree(root.path()).into_iter().filter(|name| !name.ends_with(".parquet")).collect();
    assert_eq!(folders, ["deep", "deep/out", "deep/out/k=0", "deep/out/k=1", "deep/out/k=2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_replaces_a_single_file_and_a_failed_one_keeps_it() {
    let ctx = context();
    let (root, path) = folder();
    assert_eq!(write(&ctx, &format!("COPY (SELECT 1 AS a) TO '{path}/x.csv'")).await, 1);
    run(&ctx, &format!("COPY {FAILS_LATE} TO '{path}/x.csv'")).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(root.path().join("x.csv")).unwrap(), "a\n1\n");
    assert_eq!(write(&ctx, &format!("COPY (SELECT 2 AS b UNION ALL SELECT 3) TO '{path}/x.csv'")).await, 2);
    assert!(std::fs::read_to_string(root.path().join("x.csv")).unwrap().starts_with("b\n"));
    assert_eq!(tree(root.path()), ["x.csv"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_is_seen_by_the_next_query() {
    let ctx = context();
    let (root, path) = folder();
    std::fs::create_dir(root.path().join("t")).unwrap();
    run(
        &ctx,
        &format!(
            "CREATE EXTERNAL TABLE t (n BIGINT, k BIGINT) STORED AS PARQUET PARTITIONED BY (k) LOCATION '{path}/t/'"
        ),
    )
    .await
    .unwrap();
    for round in 1..=3 {
        assert_eq!(write(&ctx, "INSERT INTO t SELECT value, value % 2 FROM generate_series(1, 10)").await, 10);
        assert_eq!(number(&ctx, "SELECT count(*) FROM t").await, 10 * round);
        assert_eq!(number(&ctx, "SELECT count(*) FROM t WHERE k = 1").await, 5 * round);
    }
    let before = tree(root.path());
    assert_eq!(write(&ctx, "INSERT INTO t SELECT n, k FROM t").await, 30);
    assert_eq!(number(&ctx, "SELECT count(*) FROM t").await, 60);
    assert!(tree(root.path()).len() > before.len());
    let before = tree(root.path());
    run(&ctx, &format!("INSERT INTO t SELECT x, day FROM {FAILS_LATE}")).await.unwrap_err();
    assert_eq!(tree(root.path()), before);
}
