//! Running a frame for its rows.

use std::collections::HashMap;

use futures::TryStreamExt;
use serde::Deserialize;

use super::{context, frame};

#[tokio::test]
async fn batches_are_exact() {
    let ctx = context();
    let series = frame(&ctx, "SELECT value FROM generate_series(1, 100000)").await.repartition(5).unwrap();
    for (rows, last) in
        [(1_000, 1_000), (33_333, 1), (8_192, 1_696), (99_999, 1), (100_000, 100_000), (200_000, 100_000)]
    {
        let batches: Vec<_> = series.batches(rows).await.unwrap().try_collect().await.unwrap();
        let sizes: Vec<usize> = batches.iter().map(|batch| batch.num_rows()).collect();
        let (end, whole) = sizes.split_last().unwrap();
        assert!(whole.iter().all(|size| *size == rows) && *end == last, "{rows}: {sizes:?}");
    }
    assert!(series.batches(0).await.err().unwrap().is_user());
    let none = frame(&ctx, "SELECT 1 AS a WHERE false").await;
    assert_eq!(none.batches(10).await.unwrap().try_collect::<Vec<_>>().await.unwrap().len(), 0);
}

#[tokio::test]
async fn counts() {
    let ctx = context();
    assert_eq!(frame(&ctx, "SELECT 1 AS a WHERE false").await.count().await.unwrap(), 0);
    assert_eq!(
        frame(&ctx, "SELECT value AS a, value AS a2 FROM generate_series(1, 5)").await.count().await.unwrap(),
        5
    );
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Small,
    Large,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Point {
    x: i32,
    y: Option<f64>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Row {
    id: u64,
    big: i64,
    exact: String,
    near: f64,
    flag: Option<bool>,
    text: String,
    kind: Kind,
    day: String,
    days: i32,
    at: String,
    list: Vec<Option<i64>>,
    point: Point,
    map: HashMap<String, i64>,
    nothing: Option<String>,
}

const ROW: &str = "SELECT CAST(18446744073709551615 AS BIGINT UNSIGNED) AS id, 9007199254740993 AS big,
    CAST('12345678901234567.89' AS DECIMAL(20, 2)) AS exact, CAST('1.5' AS DECIMAL(5, 2)) AS near, true AS flag,
    'ä' AS text, 'small' AS kind, DATE '2024-02-29' AS day, DATE '1970-01-11' AS days,
    TIMESTAMP '2024-02-29 12:00:00.000000001' AS at, [1, NULL, 3] AS list, {x: CAST(1 AS INT), y: NULL::double} AS point,
    map(['k'], [7]) AS map, arrow_cast(NULL, 'Dictionary(Int32, Utf8)') AS nothing";

#[tokio::test]
async fn rows_become_values() {
    let ctx = context();
    let values: Vec<Row> = frame(&ctx, ROW).await.collect_into().await.unwrap();
    let expected = Row {
        id: u64::MAX,
        big: 9_007_199_254_740_993,
        exact: "12345678901234567.89".into(),
        near: 1.5,
        flag: Some(true),
        text: "ä".into(),
        kind: Kind::Small,
        day: "2024-02-29".into(),
        days: 10,
        at: "2024-02-29T12:00:00.000000001".into(),
        list: vec![Some(1), None, Some(3)],
        point: Point { x: 1, y: None },
        map: HashMap::from([("k".into(), 7)]),
        nothing: None,
    };
    assert_eq!(values, [expected]);
    let pairs: Vec<(i64, Option<String>)> =
        frame(&ctx, "SELECT * FROM (VALUES (1, 'a'), (2, NULL))").await.collect_into().await.unwrap();
    assert_eq!(pairs, [(1, Some("a".into())), (2, None)]);
    let json: Vec<serde_json::Value> = frame(&ctx, "SELECT 1 AS a, [1.5] AS l").await.collect_into().await.unwrap();
    assert_eq!(json, [serde_json::json!({"a": 1, "l": [1.5]})]);
}

#[tokio::test]
async fn a_row_that_does_not_fit_is_named() {
    let ctx = context();
    let sql = "SELECT CASE WHEN value = 9000 THEN NULL ELSE value END AS n FROM generate_series(1, 10000)";
    let error = frame(&ctx, sql).await.collect_into::<(i64,)>().await.unwrap_err();
    assert!(error.message().contains("row 8999") && error.message().contains("column 'n'"), "{error}");
    assert!(frame(&ctx, "SELECT 300 AS n").await.collect_into::<(u8,)>().await.is_err());
}

#[tokio::test]
async fn files_have_about_their_size() {
    let ctx = context();
    let folder = tempfile::tempdir().unwrap();
    let sql = "SELECT value AS n, value % 2 AS k, md5(CAST(value AS VARCHAR)) AS t FROM generate_series(1, 300000)";
    let series = frame(&ctx, sql).await;
    let sizes = |name: &str| {
        let files = std::fs::read_dir(folder.path().join(name)).unwrap().map(|file| file.unwrap());
        let mut sizes: Vec<u64> = files.map(|file| file.metadata().unwrap().len()).collect();
        sizes.sort_unstable();
        sizes
    };
    let bytes = 2_000_000;
    assert_eq!(series.write_parquet(folder.path().join("p")).file_size(bytes).await.unwrap(), 300_000);
    assert_eq!(series.write_csv(folder.path().join("c")).file_size(bytes).await.unwrap(), 300_000);
    assert_eq!(series.write_json(folder.path().join("j")).file_size(bytes).await.unwrap(), 300_000);
    for name in ["p", "c", "j"] {
        let sizes = sizes(name);
        assert!(sizes.len() > 3, "{name}: {sizes:?}");
        let full = &sizes[1..];
        assert!(full.iter().all(|size| (bytes / 2..bytes * 16 / 10).contains(size)), "{name}: {sizes:?}");
        let format = [("p", "parquet"), ("c", "csv"), ("j", "json")].iter().find(|(n, _)| *n == name).unwrap().1;
        let back = format!("SELECT * FROM read_{format}('{}')", folder.path().join(name).display());
        assert_eq!(frame(&ctx, &back).await.count().await.unwrap(), 300_000);
    }
    series.write_parquet(folder.path().join("k")).partition_by(["k"]).file_size(bytes).await.unwrap();
    assert!(sizes("k/k=0").len() > 1);
    let one = series.write_parquet(folder.path().join("one.parquet")).file_size(bytes).await;
    assert!(one.unwrap_err().is_user());
    let arrow = series.write_arrow(folder.path().join("a")).file_size(bytes).await;
    assert!(arrow.unwrap_err().is_user() && !folder.path().join("a").exists());
}
