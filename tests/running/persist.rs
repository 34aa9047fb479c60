//! Computed rows.

use super::{context, frame, rows};

const SALES: &str = "SELECT value AS id, value % 5 AS shop, value * 1.5 AS price FROM generate_series(1, 50000)";

#[tokio::test]
async fn a_persisted_frame_is_the_same_frame() {
    let ctx = context();
    let sales = frame(&ctx, SALES).await.repartition(7).unwrap();
    let computed = sales.persist().await.unwrap();
    assert_eq!(computed.schema(), sales.schema());
    assert_eq!(computed.npartitions().await.unwrap(), 7);
    assert_eq!(rows(&computed).await, rows(&sales).await);
}

/// Columns of a join have one name and two tables; both are there afterwards, under their tables.
#[tokio::test]
async fn qualified_columns_stay_qualified() {
    let ctx = context();
    let sql = "SELECT a.id, b.id, a.shop FROM (SELECT 1 AS id, 2 AS shop) a, (SELECT 3 AS id) b";
    let joined = frame(&ctx, sql).await;
    let computed = joined.persist().await.unwrap();
    assert_eq!(computed.logical_plan().schema().columns(), joined.logical_plan().schema().columns());
    assert_eq!(rows(&computed).await, ["| 1 | 3 | 2 |"]);
}

#[tokio::test]
async fn memory_goes_with_the_last_handle() {
    let ctx = context();
    let holds = || async {
        let sql = "SELECT count(*) FROM generate_series(1, 10)";
        let mut run = ctx.sql(sql).await.unwrap().run().await.unwrap();
        while futures::StreamExt::next(&mut run).await.is_some() {}
        run.figures().reserved
    };
    let computed = frame(&ctx, SALES).await.persist().await.unwrap();
    let more = computed.repartition(2).unwrap();
    assert!(holds().await > 500_000);
    drop(computed);
    assert!(holds().await > 500_000);
    drop(more);
    assert_eq!(holds().await, 0);
}

#[tokio::test]
async fn an_empty_frame_can_be_persisted() {
    let ctx = context();
    let none = frame(&ctx, "SELECT 1 AS a, 'x' AS b WHERE false").await.persist().await.unwrap();
    assert_eq!(none.count().await.unwrap(), 0);
    let nothing = frame(&ctx, "SELECT value FROM generate_series(1, 3)").await;
    assert_eq!(nothing.persist().await.unwrap().count().await.unwrap(), 3);
}

#[tokio::test]
async fn tables_are_cached_in_sql() {
    let ctx = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, "a\n1\n2\n").unwrap();
    frame(&ctx, &format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{}'", path.display())).await;
    frame(&ctx, "CACHE TABLE t").await;
    std::fs::write(&path, "a\n1\n2\n3\n").unwrap();
    assert_eq!(rows(&frame(&ctx, "SELECT count(*) FROM t").await).await, ["| 2 |"], "cached");
    let error = ctx.sql("INSERT INTO t VALUES (4)").await;
    let error = match error {
        Ok(insert) => insert.compute().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.hint().is_some_and(|hint| hint.contains("UNCACHE")), "{error:?}");
    frame(&ctx, "CACHE TABLE t").await;
    assert_eq!(rows(&frame(&ctx, "SELECT count(*) FROM t").await).await, ["| 3 |"], "computed anew");
    frame(&ctx, "UNCACHE TABLE t").await;
    std::fs::write(&path, "a\n1\n").unwrap();
    assert_eq!(rows(&frame(&ctx, "SELECT count(*) FROM t").await).await, ["| 1 |"], "the file again");
    assert!(ctx.sql("UNCACHE TABLE t").await.unwrap_err().is_user());
    frame(&ctx, "UNCACHE TABLE IF EXISTS t").await;
    frame(&ctx, "UNCACHE TABLE IF EXISTS nothing").await;
    assert!(ctx.sql("UNCACHE TABLE nothing").await.is_err());
    assert!(ctx.sql("CACHE TABLE nothing").await.is_err());
}

#[tokio::test]
async fn queries_are_cached_in_sql() {
    let ctx = context();
    ctx.set_parameter("most", "10").unwrap();
    frame(&ctx, "CACHE TABLE c AS SELECT random() AS r, value FROM generate_series(1, $most)").await;
    let (first, second) = (frame(&ctx, "SELECT r FROM c").await, frame(&ctx, "SELECT r FROM c").await);
    assert_eq!(rows(&first).await, rows(&second).await);
    assert!(ctx.sql("CACHE TABLE c AS SELECT 1 AS a").await.unwrap_err().is_user());
    assert!(ctx.sql("CACHE LAZY TABLE d AS SELECT 1 AS a").await.unwrap_err().hint().is_some());
    frame(&ctx, "UNCACHE TABLE c").await;
    assert_ne!(rows(&first).await, rows(&frame(&ctx, "SELECT r FROM c").await).await, "a view again");
    frame(&ctx, "DROP VIEW c").await;
}

#[tokio::test]
async fn kept_rows_are_read_again_and_computed_when_something_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, kept) = (folder.path().join("data"), folder.path().join("kept"));
    let write = async |rows: i64| {
        let ctx = context();
        let _ = std::fs::remove_dir_all(&data);
        let sql = format!("SELECT value AS n, value % 3 AS k FROM generate_series(1, {rows})");
        frame(&ctx, &sql).await.write_parquet(&data).await.unwrap();
    };
    let run = async || {
        let ctx = context();
        let sql = format!("SELECT k, n FROM '{}' WHERE n > 10", data.display());
        let frame = frame(&ctx, &sql).await.repartition(5).unwrap();
        let computed = frame.persist_to(&kept).await.unwrap();
        assert_eq!(computed.npartitions().await.unwrap(), 5);
        assert_eq!(rows(&computed).await, rows(&frame).await);
        std::fs::metadata(kept.join("partition-00000.arrow")).unwrap().modified().unwrap()
    };
    write(10_000).await;
    let first = run().await;
    assert_eq!(run().await, first, "nothing ran");
    write(20_000).await;
    assert_ne!(run().await, first, "a file has changed");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else stays");
}

#[tokio::test]
async fn a_folder_of_other_files_is_left_alone() {
    let ctx = context();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious.txt"), "x").unwrap();
    let error = frame(&ctx, SALES).await.persist_to(folder.path()).await.unwrap_err();
    assert!(error.is_user() && folder.path().join("precious.txt").exists(), "{error}");
    let random = frame(&ctx, "SELECT random() AS r").await;
    let place = folder.path().join("r");
    let first = rows(&random.persist_to(&place).await.unwrap()).await;
    assert_ne!(rows(&random.persist_to(&place).await.unwrap()).await, first, "computed anew");
}
