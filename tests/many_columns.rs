//! Parquet files with so many columns that a page of each is more than a scan may hold.
//!
//! Over 1,000 columns two threads held 1.1 GB, whatever the limit: a page is decoded as a whole, and of each column one is
//! there. `CREATE TABLE AS` of 1.2 GB took 1,090 MB at 128, and the time of decoding each page a hundred times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use futures::StreamExt;
use partita::{Context, MemoryLimit};

const COLUMNS: i64 = 200;

/// A column of texts, and numbers that no codec makes smaller, some of them NULL, in row groups of 20,000 and 9,000 rows.
fn write(path: &Path) {
    let batch = |first: i64, rows: i64| {
        let number = |row: i64, column: i64| (row * COLUMNS + column).wrapping_mul(0x5851_f42d_4c95_7f2d);
        let column = |column: i64| -> ArrayRef {
            let values = (first..first + rows).map(|row| ((row + column) % 50 > 0).then(|| number(row, column)));
            Arc::new(values.collect::<Int64Array>())
        };
        let texts = (first..first + rows).map(|row| Some(format!("{:x}", number(row, 7)))).collect::<StringArray>();
        let texts = ("t".to_string(), Arc::new(texts) as ArrayRef);
        RecordBatch::try_from_iter((0..COLUMNS).map(|number| (format!("c{number}"), column(number))).chain([texts]))
    };
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(20_000)).build();
    let schema = batch(0, 1).unwrap().schema();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    writer.write(&batch(0, 20_000).unwrap()).unwrap();
    writer.write(&batch(20_000, 9_000).unwrap()).unwrap();
    writer.close().unwrap();
}

async fn answer(ctx: &Context, query: &str) -> String {
    pretty(&ctx.sql(query).await.unwrap().compute().await.unwrap())
}

fn pretty(rows: &[RecordBatch]) -> String {
    pretty_format_batches(rows).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_read_by_groups() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path);
    let create = format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{}'", path.display());
    let context = |threads, limit| Context::builder().threads(threads).memory_limit(limit).build().unwrap();
    let enough = MemoryLimit::new(8_000_000_000).unwrap();
    let (large, small) = (context(3, enough), context(2, MemoryLimit::smallest()));
    let [large_in_order, small_in_order] = [enough, MemoryLimit::smallest()].map(|limit| context(1, limit));
    for ctx in [&large, &small, &large_in_order, &small_in_order] {
        ctx.sql(&create).await.unwrap();
    }
    let sums = (0..COLUMNS).map(|column| format!("sum(c{column} % 1000) AS s{column}")).collect::<Vec<_>>().join(", ");
    let queries = [
        (format!("SELECT count(*), max(t), {sums} FROM t"), true),
        (format!("SELECT {sums} FROM t WHERE c3 > 0 AND c9 IS NOT NULL"), true),
        ("SELECT * FROM t ORDER BY t, c0 LIMIT 5".to_string(), true),
        ("SELECT count(*), sum(c1 % 1000), max(c99) FROM (SELECT * FROM t UNION SELECT * FROM t)".to_string(), true),
        (
            "SELECT a.*, b.c7 FROM t AS a JOIN t AS b ON a.c5 = b.c5 WHERE b.c6 % 1000 = 1 ORDER BY a.c5 LIMIT 3"
                .to_string(),
            true,
        ),
        ("SELECT * FROM (FROM t WHERE c4 > 0 INTERSECT FROM t WHERE c2 > 0) ORDER BY t, c0 LIMIT 3".to_string(), true),
        ("SELECT count(*), sum(c1 % 1000), max(t) FROM (FROM t EXCEPT FROM t WHERE c2 > 0)".to_string(), true),
        (
            "SELECT * FROM (SELECT DISTINCT ON (c5 % 5000) * FROM t ORDER BY c5 % 5000, t, c0) ORDER BY t LIMIT 3"
                .to_string(),
            true,
        ),
        ("SELECT count(*) FROM (SELECT * FROM t LIMIT 21000)".to_string(), false),
        ("SELECT count(*), sum(c1 % 1000), min(c150) FROM t".to_string(), false),
    ];
    for (query, by_groups) in queries {
        let plan = small.sql(&query).await.unwrap().explain().await.unwrap();
        assert_eq!(plan.contains("column_groups="), by_groups, "{query}\n{plan}");
        assert_eq!(answer(&small, &query).await, answer(&large, &query).await, "{query}");
    }
    // Rows are counted once, not for each group of columns.
    let mut run = small.sql(&format!("SELECT {sums} FROM t")).await.unwrap().run().await.unwrap();
    while run.next().await.transpose().unwrap().is_some() {}
    assert_eq!(run.figures().rows_read, 29_000);
    // Rows come in the order they have in the file, and as many as are asked for.
    let rows = "SELECT * FROM t LIMIT 21000";
    let [expected, plan] = [large_in_order.sql(rows).await.unwrap(), small_in_order.sql(rows).await.unwrap()];
    assert!(plan.explain().await.unwrap().contains("column_groups="));
    assert!(answer(&small_in_order, rows).await == pretty(&expected.compute().await.unwrap()), "other rows");
}
