//! Parquet files whose row groups are larger than a scan may hold: read by pieces, with the rows of the whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use partita::{Context, MemoryLimit};

const ROWS: i64 = 200_000;

/// Numbers in order, lists, and texts that no codec makes smaller, in one row group or several.
fn write(path: &Path, with_lists: bool, properties: WriterProperties) {
    let mut writer: Option<ArrowWriter<File>> = None;
    for first in (0..ROWS).step_by(5_000) {
        let numbers = first..first + 5_000;
        let text =
            |n: i64| (0..6i64).map(|i| format!("{:016x}", (n * 6 + i).wrapping_mul(0x5851_f42d_4c95_7f2d))).collect();
        let texts: StringArray = numbers.clone().map(|n| (n % 100 > 0).then(|| -> String { text(n) })).collect();
        let lists = numbers.clone().map(|n| Some((0..n % 4).map(Some).collect::<Vec<_>>()));
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![("n", Arc::new(Int64Array::from_iter_values(numbers.clone()))), ("s", Arc::new(texts))];
        if with_lists {
            columns.push(("l", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists))));
        }
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let open = || ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties.clone()));
        writer.get_or_insert_with(|| open().unwrap()).write(&batch).unwrap();
    }
    writer.unwrap().close().unwrap();
}

const QUERIES: [&str; 6] = [
    "SELECT count(*), count(s), sum(n), max(s), min(s), sum(length(s)) FROM t",
    "SELECT count(*), sum(n) FROM t",
    "SELECT n, s FROM t WHERE n BETWEEN 29990 AND 30010 ORDER BY n",
    "SELECT count(*), max(s) FROM t WHERE s > 'e' AND n % 7 = 3",
    "SELECT a.n, b.s FROM t AS a JOIN t AS b ON a.n = b.n + 1 WHERE a.s < b.s ORDER BY a.s LIMIT 20",
    "SELECT n, s FROM t ORDER BY s DESC NULLS LAST LIMIT 5",
];

async fn answer(ctx: &Context, query: &str) -> String {
    let rows = ctx.sql(query).await.unwrap().compute().await.unwrap();
    pretty_format_batches(&rows).unwrap().to_string()
}

/// As many files as the scan is made of to the engine.
async fn pieces(ctx: &Context, query: &str) -> usize {
    let run = ctx.sql(query).await.unwrap().run().await.unwrap();
    let plan = datafusion::physical_plan::displayable(run.monitor().physical_plan().as_ref()).indent(true).to_string();
    plan.matches("t.parquet").count()
}

async fn compare(name: &str, with_lists: bool, properties: WriterProperties, in_pieces: bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, with_lists, properties);
    let create = format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{}'", path.display());
    let large = Context::builder().threads(3).build().unwrap();
    let small = Context::builder().threads(2).memory_limit(MemoryLimit::smallest()).build().unwrap();
    for ctx in [&large, &small] {
        ctx.sql(&create).await.unwrap();
    }
    assert_eq!(pieces(&small, QUERIES[0]).await > 4, in_pieces, "{name}");
    // Numbers alone are no wide rows.
    assert!(pieces(&small, QUERIES[1]).await < 4, "{name}");
    for query in QUERIES {
        assert_eq!(answer(&small, query).await, answer(&large, query).await, "{name}: {query}");
    }
    if with_lists {
        let query = "SELECT count(*), sum(cardinality(l)), max(s) FROM t WHERE l[1] = 0";
        assert_eq!(answer(&small, query).await, answer(&large, query).await, "{name}: {query}");
    }
}

fn no_index() -> datafusion::parquet::file::properties::WriterPropertiesBuilder {
    WriterProperties::builder().set_statistics_enabled(EnabledStatistics::Chunk).set_offset_index_disabled(true)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_groups_with_an_index_of_their_pages() {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1 << 20));
    compare("index", true, properties.build(), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_groups_whose_pages_must_be_looked_for() {
    compare("no index", false, no_index().set_max_row_group_row_count(Some(1 << 20)).build(), true).await;
    compare("two row groups", false, no_index().set_max_row_group_row_count(Some(130_000)).build(), true).await;
    let newer = no_index().set_writer_version(WriterVersion::PARQUET_2_0);
    compare("newer pages", true, newer.set_max_row_group_row_count(Some(1 << 20)).build(), true).await;
}

/// The older pages do not say how many rows of lists they have.
#[tokio::test(flavor = "multi_thread")]
async fn row_groups_that_are_read_whole() {
    compare("lists", true, no_index().set_max_row_group_row_count(Some(1 << 20)).build(), false).await;
    compare("narrow", false, no_index().set_max_row_group_row_count(Some(5_000)).build(), false).await;
}
