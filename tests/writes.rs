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

/// Rows of every common type, and NULL in each.
const TYPES: &str = "(SELECT value AS n, CASE WHEN value % 3 > 0 THEN value * 0.5 END AS x, 'a,\"b\" ' || value AS s,
    CASE WHEN value % 4 > 0 THEN DATE '2024-02-29' END AS d, value % 2 = 0 AS b,
    arrow_cast(value * 100, 'Decimal128(12, 2)') AS money FROM generate_series(1, 1000))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_format_gives_back_what_it_took() {
    let ctx = context();
    let (_root, path) = folder();
    run(&ctx, &format!("CREATE TABLE types AS SELECT * FROM {TYPES}")).await.unwrap();
    let columns = "n BIGINT, x DOUBLE, s VARCHAR, d DATE, b BOOLEAN, money DECIMAL(12,2)";
    for (file, read) in [
        ("t.parquet", "PARQUET"),
        ("t.csv", "CSV"),
        ("t.csv.gz", "CSV OPTIONS ('format.compression' 'gzip')"),
        ("t.tsv", "CSV OPTIONS ('format.delimiter' '\t')"),
        ("t.ndjson", "JSON"),
        ("t.jsonl.zst", "JSON OPTIONS ('format.compression' 'zstd')"),
        ("t.arrow", "ARROW"),
    ] {
        assert_eq!(write(&ctx, &format!("COPY types TO '{path}/{file}'")).await, 1000, "{file}");
        let read = match read.split_once(' ') {
            Some((format, options)) => format!("STORED AS {format} LOCATION '{path}/{file}' {options}"),
            None => format!("STORED AS {read} LOCATION '{path}/{file}'"),
        };
        let columns = if file.ends_with(".arrow") { String::new() } else { format!("({columns})") };
        run(&ctx, &format!("CREATE OR REPLACE EXTERNAL TABLE back {columns} {read}")).await.unwrap();
        let differ = "SELECT count(*) FROM (SELECT * FROM types EXCEPT SELECT * FROM back)";
        assert_eq!((number(&ctx, "SELECT count(*) FROM back").await, number(&ctx, differ).await), (1000, 0), "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_have_short_names() {
    let ctx = context();
    let (root, path) = folder();
    let copy =
        |target: &str, rest: &str| format!("COPY (SELECT 1 AS a, NULL AS b, 'x' AS \"K\") TO '{path}/{target}' {rest}");
    let text = |name: &str| std::fs::read_to_string(root.path().join(name)).unwrap();
    write(&ctx, &copy("x.csv", "(HEADER false, DELIMITER ';', NULLSTR 'NA')")).await;
    assert_eq!(text("x.csv"), "1;NA;x\n");
    write(&ctx, &copy("y.txt", "WITH (FORMAT csv, delim '\\t')")).await;
    assert_eq!(text("y.txt"), "a\tb\tK\n1\t\tx\n");
    write(&ctx, &copy("z.parquet", "(COMPRESSION zstd, ROW_GROUP_SIZE 1000)")).await;
    write(&ctx, &copy("parts", "(FORMAT json, PARTITION_BY (\"K\"))")).await;
    assert!(tree(root.path()).contains(&"parts/K=x".to_string()));
    write(&ctx, &copy("w[1]*.csv", "")).await;
    assert!(root.path().join("w[1]*.csv").is_file());
    let error = run(&ctx, &copy("q", "")).await.unwrap_err();
    assert!(error.is_user() && error.hint().unwrap().contains("STORED AS"), "{error:?}");
    let error = run(&ctx, &copy("q.parqet", "")).await.unwrap_err();
    assert_eq!(error.hint(), Some("did you mean 'parquet'?"));
    run(&ctx, &copy("q.csv", "(no_such_option 1)")).await.unwrap_err();
    run(&ctx, &format!("EXPLAIN {}", copy("q.csv", "(HEADER)"))).await.unwrap();
    assert!(!root.path().join("q.csv").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn null_is_no_partition() {
    let ctx = context();
    let (root, path) = folder();
    for format in ["PARQUET", "CSV", "JSON"] {
        let sql = format!(
            "COPY (SELECT value AS n, nullif(value, 3) AS k FROM generate_series(1, 5)) TO '{path}/out' STORED AS {format} PARTITIONED BY (k)"
        );
        let error = run(&ctx, &sql).await.unwrap_err();
        assert!(error.is_data() && error.to_string().contains("'k'"), "{error:?}");
        assert_eq!(tree(root.path()), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_write_what_copy_writes() {
    let ctx = context();
    let (root, path) = folder();
    let frame = ctx.sql("SELECT value AS n, value % 2 AS k FROM generate_series(1, 10)").await.unwrap();
    assert_eq!(frame.write_parquet(root.path().join("a.parquet")).await.unwrap(), 10);
    assert_eq!(frame.write_csv(root.path().join("b.tsv")).option("header", false).await.unwrap(), 10);
    assert!(std::fs::read_to_string(root.path().join("b.tsv")).unwrap().starts_with("1\t1\n"));
    assert_eq!(frame.write_json(root.path().join("c")).partition_by(["k"]).await.unwrap(), 10);
    assert!(tree(root.path()).contains(&"c/k=0".to_string()));
    assert_eq!(frame.write_arrow(root.path().join("d.arrow")).await.unwrap(), 10);
    let failing = ctx.sql(&format!("SELECT * FROM {FAILS_LATE}")).await.unwrap();
    let before = tree(root.path());
    failing.write_parquet(root.path().join("a.parquet")).await.unwrap_err();
    assert_eq!(tree(root.path()), before);
    assert!(frame.write_csv(format!("{path}/a.parquet/x.csv")).await.unwrap_err().is_io());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_sink_is_there_when_it_has_finished() {
    let ctx = context();
    let (root, path) = folder();
    for (file, read) in [("o.csv", "CSV"), ("o.ndjson", "JSON"), ("o.parquet", "PARQUET"), ("o.arrow", "ARROW")] {
        let target = root.path().join(file);
        for finish in [false, true] {
            let mut rows = ctx.sql(&format!("SELECT * FROM {TYPES}")).await.unwrap().run().await.unwrap();
            let mut sink = partita::sink::to_file(&target).unwrap();
            sink.begin(&rows.schema()).unwrap();
            while let Some(batch) = rows.next().await {
                sink.write(&batch.unwrap()).unwrap();
            }
            assert!(!target.exists());
            if finish {
                sink.finish().unwrap();
            }
            drop(sink);
            assert_eq!(target.exists(), finish);
        }
        run(&ctx, &format!("CREATE OR REPLACE EXTERNAL TABLE o STORED AS {read} LOCATION '{path}/{file}'"))
            .await
            .unwrap();
        assert_eq!(number(&ctx, "SELECT count(*) + count(DISTINCT s) FROM o").await, 2000, "{file}");
    }
    assert_eq!(tree(root.path()), ["o.arrow", "o.csv", "o.ndjson", "o.parquet"]);
    let error = partita::sink::to_file(root.path().join("none/x.txt")).err().unwrap();
    assert!(error.is_user() && error.hint().is_some());
}

/// The engine keeps a row group of every partition in memory: thirty of them were too many for 512 MB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_partitions_fit_a_small_limit() {
    let ctx = Context::builder().memory_limit("256MB".parse().unwrap()).threads(2).build().unwrap();
    let (root, path) = folder();
    let copy = format!(
        "COPY (SELECT value AS n, md5(value::varchar) AS s, 'k/' || (value % 300) || ' %é' AS k, value % 2 = 0 AS b
               FROM generate_series(1, 300000)) TO '{path}/out' STORED AS PARQUET PARTITIONED BY (k, b)"
    );
    assert_eq!(write(&ctx, &copy).await, 300_000);
    assert_eq!(tree(root.path()).iter().filter(|name| name.ends_with(".parquet")).count(), 300);
    run(&ctx, &format!("CREATE EXTERNAL TABLE t (n BIGINT, s VARCHAR, k VARCHAR, b BOOLEAN) STORED AS PARQUET PARTITIONED BY (k, b) LOCATION '{path}/out/'"))
        .await
        .unwrap();
    let same = "SELECT count(*) FROM t WHERE b = (n % 2 = 0) AND s = md5(n::varchar)";
    assert_eq!(number(&ctx, same).await, 300_000);
    assert_eq!(number(&ctx, "SELECT count(DISTINCT k) FROM t").await, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_in_partitions_keep_the_order_that_was_asked_for() {
    let ctx = context();
    let (_root, path) = folder();
    let copy = format!(
        "COPY (SELECT value AS n, DATE '2024-01-01' + (value % 3)::int AS d FROM generate_series(1, 50000) ORDER BY n DESC)
         TO '{path}/out' (FORMAT parquet, PARTITION_BY d)"
    );
    assert_eq!(write(&ctx, &copy).await, 50_000);
    let first = format!("CREATE EXTERNAL TABLE one STORED AS PARQUET LOCATION '{path}/out/d=2024-01-02/'");
    run(&ctx, &first).await.unwrap();
    let rows = run(&ctx, "SELECT n FROM one").await.unwrap();
    let rows: Vec<_> =
        rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
    assert!(rows.len() > 16_000 && rows.is_sorted_by(|a, b| a > b));
}

/// Where a file has so many columns that pages wait on disk, row groups of a size that was asked for became larger.
#[tokio::test]
async fn row_groups_of_many_columns_have_the_size_that_was_asked_for() {
    let (_folder, at) = folder();
    let columns = (0..40).map(|column| format!("value * {column} AS c{column}")).collect::<Vec<_>>().join(", ");
    let copy = format!(
        "COPY (SELECT {columns} FROM generate_series(1, 60000)) TO '{at}/asked.parquet' \
         OPTIONS (max_row_group_bytes '1000000')"
    );
    let ctx = context();
    run(&ctx, &copy).await.unwrap();
    let file = std::fs::File::open(format!("{at}/asked.parquet")).unwrap();
    let reader = datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let groups = reader.metadata().num_row_groups();
    assert!(groups > 5, "{groups} row groups");
    assert_eq!(number(&ctx, &format!("SELECT sum(c39) FROM '{at}/asked.parquet'")).await, 39 * 60_000 * 60_001 / 2);
}
