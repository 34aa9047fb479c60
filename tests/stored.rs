//! Tables made by CREATE TABLE: inside the budget, on disk beyond it, gone when dropped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../src/allocator.rs"]
mod allocator;

use std::path::{Path, PathBuf};
use std::time::Duration;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use datafusion::arrow::util::pretty::pretty_format_batches;
use futures::StreamExt;
use partita::memory::Budget;
use partita::prelude::*;
use tempfile::TempDir;

/// The resident size is the process's: what one test holds is missing in the limit of every other.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn context(limit: MemoryLimit) -> (Context, TempDir) {
    allocator::install();
    let folder = tempfile::tempdir().unwrap();
    let ctx = Context::builder().memory_limit(limit).threads(2).spill_dir(folder.path()).build().unwrap();
    (ctx, folder)
}

fn roomy() -> (Context, TempDir) {
    context("8GB".parse().unwrap())
}

async fn run(ctx: &Context, sql: &str) -> Result<Vec<RecordBatch>> {
    ctx.sql(sql).await?.compute().await
}

async fn table(ctx: &Context, sql: &str) -> String {
    pretty_format_batches(&run(ctx, sql).await.unwrap()).unwrap().to_string()
}

async fn number(ctx: &Context, sql: &str) -> i64 {
    run(ctx, sql).await.unwrap()[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// The count of an INSERT, DELETE or UPDATE.
async fn write(ctx: &Context, sql: &str) -> u64 {
    run(ctx, sql).await.unwrap()[0].column(0).as_primitive::<UInt64Type>().value(0)
}

/// Bytes reserved by all tables and queries of the context now.
async fn reserved(ctx: &Context) -> u64 {
    ctx.sql("SELECT 1").await.unwrap().run().await.unwrap().figures().reserved
}

/// Every spill file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path())),
            false if entry.file_name() != "lock" => found.push(entry.path()),
            false => {}
        }
    }
    found
}

fn bytes_on_disk(folder: &Path) -> u64 {
    files(folder).iter().map(|file| file.metadata().unwrap().len()).sum()
}

/// A table of 30 MB for a million rows.
fn large(rows: usize) -> String {
    format!(
        "CREATE TABLE large AS SELECT value AS n, value % 1000 AS k,
        CASE WHEN value % 3 > 0 THEN 'row number ' || (value % 100000) END AS s FROM generate_series(1, {rows})"
    )
}

const FINGERPRINT: &str =
    "SELECT count(*), count(s), sum(n), min(n), max(n), sum(n * k), sum(length(s)), min(s), max(s),
    count(DISTINCT k) FROM large";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_rows_in_memory_and_on_disk() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (tight, folder) = context(MemoryLimit::smallest());
    run(&tight, &large(7_000_000)).await.unwrap();
    let capacity = Budget::new(MemoryLimit::smallest()).capacity() as u64;
    assert!(reserved(&tight).await < capacity);
    assert!(bytes_on_disk(folder.path()) > 0);
    let tight_rows = table(&tight, FINGERPRINT).await;
    assert!(reserved(&tight).await < capacity);
    let first = "SELECT * FROM large ORDER BY n LIMIT 5";
    let tight_first = table(&tight, first).await;

    let (roomy, roomy_folder) = roomy();
    run(&roomy, &large(7_000_000)).await.unwrap();
    let whole = reserved(&roomy).await;
    assert!(whole > 3 * capacity, "{whole} bytes are not several times {capacity}");
    assert_eq!(files(roomy_folder.path()), Vec::<PathBuf>::new());
    assert_eq!(table(&roomy, FINGERPRINT).await, tight_rows);
    assert_eq!(table(&roomy, first).await, tight_first);

    for (ctx, folder) in [(&tight, &folder), (&roomy, &roomy_folder)] {
        run(ctx, "DROP TABLE large").await.unwrap();
        assert_eq!(reserved(ctx).await, 0);
        assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_go_with_the_context() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, folder) = context(MemoryLimit::smallest());
    run(&ctx, &large(2_000_000)).await.unwrap();
    assert!(!files(folder.path()).is_empty());
    drop(ctx);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_gives_way_to_a_sort() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, folder) = context("600MB".parse().unwrap());
    run(&ctx, "CREATE TABLE t AS SELECT value AS n, value * 7 % 1000003 AS k FROM generate_series(1, 20000000)")
        .await
        .unwrap();
    let before = reserved(&ctx).await;
    assert_eq!((before / 100_000_000, bytes_on_disk(folder.path())), (3, 0), "in memory: {before}");
    let mut rows = ctx.sql("SELECT * FROM t WHERE n <= 6000000 ORDER BY k, n").await.unwrap().run().await.unwrap();
    let (mut count, mut last) = (0, (i64::MIN, i64::MIN));
    while let Some(batch) = rows.next().await {
        let batch = batch.unwrap();
        let (n, k) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            let next = (k.value(row), n.value(row));
            assert!(last < next);
            last = next;
        }
        count += batch.num_rows();
    }
    assert_eq!(count, 6_000_000);
    drop(rows);
    assert!(reserved(&ctx).await < before && bytes_on_disk(folder.path()) > 0, "nothing has left");
    assert_eq!(number(&ctx, "SELECT sum(n) FROM t").await, 20_000_000 * 20_000_001 / 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_an_error_and_never_rows() {
    let _one = ONE_AT_A_TIME.lock().await;
    for damage in [flip as fn(&Path), cut_short] {
        let (ctx, folder) = context(MemoryLimit::smallest());
        run(&ctx, &large(2_000_000)).await.unwrap();
        files(folder.path()).iter().for_each(|file| damage(file));
        let error = run(&ctx, "SELECT sum(n) FROM large").await.unwrap_err();
        assert!(error.is_spill() && error.to_string().contains(folder.path().to_str().unwrap()), "{error:?}");
        run(&ctx, "DROP TABLE large").await.unwrap();
        // The other partition may be in the middle of a read.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
    }
}

fn flip(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

fn cut_short(file: &Path) {
    let length = file.metadata().unwrap().len();
    std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length / 2).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_leaves_no_table() {
    let _one = ONE_AT_A_TIME.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let builder = Context::builder().memory_limit(MemoryLimit::smallest()).threads(2).spill_limit(1_000_000);
    let ctx = builder.spill_dir(folder.path()).build().unwrap();
    let error = run(&ctx, &large(2_000_000)).await.unwrap_err();
    assert!(error.is_spill() && error.hint().is_some(), "{error:?}");
    assert!(run(&ctx, "SELECT * FROM large").await.unwrap_err().is_user());
    // The plan's own tasks end a moment later.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((reserved(&ctx).await, files(folder.path())), (0, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_create_leaves_nothing() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, folder) = context(MemoryLimit::smallest());
    let create = "CREATE TABLE endless AS SELECT value AS n FROM generate_series(1, 10000000000)";
    let ended = tokio::time::timeout(Duration::from_millis(1500), ctx.sql(create)).await;
    assert!(ended.is_err(), "it ended before it was cancelled");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(ctx.sql("SELECT * FROM endless").await.is_err());
    assert_eq!((reserved(&ctx).await, files(folder.path())), (0, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_keeps_the_rows_it_began_with() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, _folder) = roomy();
    run(&ctx, "CREATE TABLE t AS SELECT value AS n FROM generate_series(1, 100000)").await.unwrap();
    let writers = (0..4).map(|_| {
        let ctx = ctx.clone();
        tokio::spawn(async move { write(&ctx, "INSERT INTO t SELECT * FROM generate_series(1, 100000)").await })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..10 {
        // Each insert is seen entirely or not at all.
        let (rows, distinct) = (number(&ctx, "SELECT count(n + 0) FROM t").await, 100_000);
        assert!(rows % distinct == 0, "{rows}");
    }
    for writer in writers {
        assert_eq!(writer.await.unwrap(), 100_000);
    }
    assert_eq!(number(&ctx, "SELECT sum(n) FROM t").await, 5 * 5_000_050_000);
    let mut scan = ctx.sql("SELECT n FROM t").await.unwrap().run().await.unwrap();
    let mut rows = scan.next().await.unwrap().unwrap().num_rows();
    assert_eq!(write(&ctx, "TRUNCATE TABLE t").await, 500_000);
    while let Some(batch) = scan.next().await {
        rows += batch.unwrap().num_rows();
    }
    assert_eq!((rows, number(&ctx, "SELECT count(*) FROM t").await), (500_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_inserts_into_itself() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, _folder) = roomy();
    run(&ctx, "CREATE TABLE t AS SELECT value AS n FROM generate_series(1, 50000)").await.unwrap();
    for round in 1..=3 {
        assert_eq!(write(&ctx, "INSERT INTO t SELECT * FROM t").await, 50_000 << (round - 1));
    }
    assert_eq!(number(&ctx, "SELECT sum(n) FROM t").await, 8 * 1_250_025_000);
    run(&ctx, "CREATE OR REPLACE TABLE t AS SELECT n + 1 AS m FROM t WHERE n <= 2").await.unwrap();
    assert_eq!(number(&ctx, "SELECT sum(m) FROM t").await, 8 * 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_inserts_keep_their_order_and_defaults() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, _folder) = roomy();
    run(&ctx, "CREATE TABLE t (n BIGINT NOT NULL, s VARCHAR DEFAULT 'none', PRIMARY KEY (n))").await.unwrap();
    for n in 0..200 {
        assert_eq!(write(&ctx, &format!("INSERT INTO t (n) VALUES ({n})")).await, 1);
    }
    let rows = run(&ctx, "SELECT n, s FROM t").await.unwrap();
    let numbers: Vec<i64> =
        rows.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    assert_eq!(number(&ctx, "SELECT count(*) FROM t WHERE s = 'none'").await, 200);
    let error = run(&ctx, "INSERT INTO t VALUES (NULL, 'x')").await.unwrap_err();
    assert!(error.to_string().contains('n'), "{error}");
    assert_eq!(number(&ctx, "SELECT count(*) FROM t").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletes_and_updates_touch_what_matches() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, _folder) = roomy();
    let create =
        "CREATE OR REPLACE TABLE t AS SELECT value AS n, nullif(value % 10, 0) AS k FROM generate_series(1, 100000)";
    run(&ctx, create).await.unwrap();
    assert_eq!(write(&ctx, "DELETE FROM t WHERE k > 5").await, 40_000);
    assert_eq!(number(&ctx, "SELECT count(*) FROM t").await, 60_000);
    assert_eq!(write(&ctx, "DELETE FROM t WHERE k IS NULL").await, 10_000);
    assert_eq!(write(&ctx, "UPDATE t SET k = n / k, n = -n WHERE k = 2 AND n < 1000").await, 100);
    assert_eq!(number(&ctx, "SELECT count(*) FROM t WHERE n < 0 AND k = -n / 2").await, 100);
    assert_eq!(number(&ctx, "SELECT count(*) FROM t").await, 50_000);
    assert_eq!(write(&ctx, "UPDATE t AS u SET k = 1").await, 50_000);
    assert_eq!(number(&ctx, "SELECT sum(k) FROM t").await, 50_000);
    assert_eq!(write(&ctx, "DELETE FROM t").await, 50_000);
    assert_eq!(number(&ctx, "SELECT count(*) FROM t").await, 0);
}

/// The engine hands a table what the optimizer leaves of the predicate: nothing of these, which would delete every row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_predicate_that_is_optimized_away_deletes_nothing() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, _folder) = roomy();
    run(&ctx, "CREATE TABLE t AS SELECT value AS n FROM generate_series(1, 10)").await.unwrap();
    for never in ["false", "NULL", "1 = 2", "n IS NULL AND n > 3", "n = 1 AND n = 2"] {
        assert_eq!(write(&ctx, &format!("DELETE FROM t WHERE {never}")).await, 0, "{never}");
        assert_eq!(write(&ctx, &format!("UPDATE t SET n = 0 WHERE {never}")).await, 0, "{never}");
    }
    for refused in [
        "DELETE FROM t WHERE n IN (SELECT 1)",
        "DELETE FROM t WHERE EXISTS (SELECT 1)",
        "DELETE FROM t LIMIT 1",
        "UPDATE t SET n = u.n FROM t AS u WHERE t.n = u.n",
        "UPDATE t SET n = (SELECT 1)",
    ] {
        let error = run(&ctx, refused).await.unwrap_err();
        assert!(error.is_user(), "{refused}: {error:?}");
    }
    let plan = table(&ctx, "EXPLAIN DELETE FROM t WHERE n > 1").await;
    assert!(plan.contains("ChangeExec: delete, table=t, where n@0 > 1"), "{plan}");
    run(&ctx, "PREPARE gone AS DELETE FROM t WHERE 1 = 2").await.unwrap();
    let _ = run(&ctx, "EXECUTE gone").await;
    assert_eq!(number(&ctx, "SELECT sum(n) FROM t").await, 55);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_change_keeps_the_rows() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, _folder) = roomy();
    run(&ctx, "CREATE TABLE t AS SELECT value AS n FROM generate_series(0, 99999)").await.unwrap();
    run(&ctx, "UPDATE t SET n = 1 / (n - 99999)").await.unwrap_err();
    run(&ctx, "DELETE FROM t WHERE 1 / (n - 99999) = 0").await.unwrap_err();
    run(&ctx, "INSERT INTO t SELECT 1 / (value - 50000) FROM generate_series(1, 60000)").await.unwrap_err();
    run(&ctx, "CREATE OR REPLACE TABLE t AS SELECT 1 / (n - 99999) AS n FROM t").await.unwrap_err();
    assert_eq!(number(&ctx, "SELECT sum(n) FROM t").await, 99_999 * 50_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_kept_apart() {
    let _one = ONE_AT_A_TIME.lock().await;
    let (ctx, _folder) = roomy();
    run(&ctx, "CREATE TABLE t AS SELECT 1 AS a").await.unwrap();
    let error = run(&ctx, "CREATE TABLE t AS SELECT 2 AS a").await.unwrap_err();
    assert!(error.is_user() && error.hint().unwrap().contains("OR REPLACE"), "{error:?}");
    run(&ctx, "CREATE TABLE IF NOT EXISTS t AS SELECT 3 AS a").await.unwrap();
    assert_eq!(number(&ctx, "SELECT a FROM t").await, 1);
    assert!(run(&ctx, "CREATE TABLE u AS SELECT x.a, y.a FROM t x, t y").await.unwrap_err().is_user());
    run(&ctx, "CREATE SCHEMA s").await.unwrap();
    run(&ctx, "CREATE TEMPORARY TABLE s.t AS SELECT 5 AS a UNION ALL SELECT NULL").await.unwrap();
    run(&ctx, "CREATE VIEW v AS SELECT sum(a) AS a FROM s.t").await.unwrap();
    assert_eq!(write(&ctx, "INSERT INTO s.t VALUES (7)").await, 1);
    assert_eq!((number(&ctx, "SELECT a FROM v").await, number(&ctx, "SELECT a FROM t").await), (12, 1));
    assert!(run(&ctx, "CREATE TABLE nowhere.t AS SELECT 1").await.is_err());
}
