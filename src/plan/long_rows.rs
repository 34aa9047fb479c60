//! Queries over rows so long that a batch of the usual number of them would not fit.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::{ConfigOptions, MaxRowGroupBytes};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::physical_plan::FileSink;
use datafusion::datasource::sink::DataSinkExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;

use super::row_width::row_width;
use crate::memory::BYTES_OF_ROW;
use crate::operator::{SmallBatches, SmallBatchesExec};

/// Rows that are no longer, in bytes, are none for this rule.
const LONG: usize = 4 * BYTES_OF_ROW;

/// A writer holds a row group of so many batches at most.
const ROW_GROUP: usize = 32;

/// Gives a plan over long rows batches of as many bytes as others have.
///
/// ```text
/// SortExec                                  SmallBatchesExec: rows=20
///   FilterExec                        →       SortExec
///     DataSourceExec, rows of 100 kB            FilterExec
///                                                 DataSourceExec
/// ```
///
/// Every operator makes, holds and hands on batches of so many rows, whatever is in them; nobody reserves those that
/// are on their way. Which rows are long is known from the statistics of the scans.
#[derive(Debug)]
pub(crate) struct LongRows;

impl PhysicalOptimizerRule for LongRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let usual = options.execution.batch_size.get();
        let bytes = usual.saturating_mul(BYTES_OF_ROW);
        let width = row_width(&plan, bytes)?;
        if width <= LONG {
            let rows = ROW_GROUP.saturating_mul(bytes) / width.max(1);
            let usual = options.execution.parquet.max_row_group_size;
            return plan.transform_up(|node| with_short_row_groups(node, rows, usual)).data();
        }
        let rows = (bytes / width).max(1);
        let plan = plan.transform_up(|node| with_rows(node, rows, bytes)).data()?;
        Ok(Arc::new(SmallBatchesExec::new(plan, SmallBatches { rows })))
    }

    fn name(&self) -> &str {
        "long_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Operators that do not ask the task how many rows a batch has.
fn with_rows(node: Arc<dyn ExecutionPlan>, rows: usize, bytes: usize) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    if let Some(filter) = node.downcast_ref::<FilterExec>() {
        return Ok(Transformed::yes(Arc::new(filter.with_batch_size(rows)?)));
    }
    with_sink(node, |sink| with_small_row_groups(sink, rows, 8 * bytes).map(Some))
}

/// A write of Parquet whose row groups have no more rows, unless it was told another number than the usual one.
fn with_short_row_groups(
    node: Arc<dyn ExecutionPlan>,
    rows: usize,
    usual: usize,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    with_sink(node, |sink| {
        let mut options = sink.parquet_options().clone();
        if options.global.max_row_group_size != usual || usual <= rows {
            return Ok(None);
        }
        options.global.max_row_group_size = rows.max(1);
        Ok(Some(ParquetSink::new(sink.config().clone(), options)))
    })
}

fn with_sink(
    node: Arc<dyn ExecutionPlan>,
    change: impl FnOnce(&ParquetSink) -> Result<Option<ParquetSink>>,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let write = node.downcast_ref::<DataSinkExec>();
    let Some((write, sink)) = write.and_then(|write| Some((write, write.sink().downcast_ref::<ParquetSink>()?))) else {
        return Ok(Transformed::no(node));
    };
    let Some(sink) = change(sink)? else { return Ok(Transformed::no(node)) };
    let write = DataSinkExec::new(Arc::clone(write.input()), Arc::new(sink), write.sort_order().clone());
    Ok(Transformed::yes(Arc::new(write)))
}

/// The engine's writer of several threads looks at the rows of a row group, and not at its bytes; and whether a page is
/// full is looked at every so many rows.
fn with_small_row_groups(sink: &ParquetSink, rows: usize, bytes: usize) -> Result<ParquetSink> {
    let mut options = sink.parquet_options().clone();
    options.global.write_batch_size = options.global.write_batch_size.min(rows);
    options.global.allow_single_file_parallelism = false;
    if options.global.max_row_group_bytes.is_none() {
        options.global.max_row_group_bytes = Some(MaxRowGroupBytes::try_new(bytes)?);
    }
    Ok(ParquetSink::new(sink.config().clone(), options))
}

#[cfg(test)]
mod tests {
    use crate::Context;

    async fn explain(sql: &str) -> String {
        let context = Context::builder().threads(2).build().unwrap();
        context
            .sql("CREATE TABLE long AS SELECT id, repeat('long', 25000) AS s FROM generate_series(1, 1000) r (id)")
            .await
            .unwrap()
            .compute()
            .await
            .unwrap();
        context
            .sql("CREATE TABLE short AS SELECT id FROM generate_series(1, 1000000) r (id)")
            .await
            .unwrap()
            .compute()
            .await
            .unwrap();
        context.sql(sql).await.unwrap().explain().await.unwrap()
    }

    #[tokio::test]
    async fn rows_of_a_hundred_kilobytes_make_batches_of_twenty() {
        let plan = explain("SELECT * FROM long WHERE id > 5 ORDER BY s").await;
        assert!(plan.contains("SmallBatchesExec: rows=20"), "{plan}");
        let plan = explain("SELECT l.s FROM long l JOIN short s ON l.id = s.id").await;
        assert!(plan.contains("SmallBatchesExec: rows=20"), "{plan}");
        let plan = explain("SELECT id FROM long JOIN short USING (id) ORDER BY id").await;
        assert!(!plan.contains("SmallBatchesExec"), "the long column is not read\n{plan}");
    }
}
