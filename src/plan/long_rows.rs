//! Queries over rows so long that a batch of the usual number of them would not fit.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;

use super::collected_rows::few_collected_rows;
use super::row_width::row_width;
use crate::memory::{BYTES_OF_ROW, rows_of_batch};
use crate::operator::{SmallBatches, SmallBatchesExec};

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
/// are on their way. Which rows are long is known from the statistics of the scans, and from calls such as
/// `repeat(s, 1000)`. Of values that are collected from many rows nobody knows: [`few_collected_rows`].
#[derive(Debug)]
pub(crate) struct LongRows;

impl PhysicalOptimizerRule for LongRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let usual = options.execution.batch_size.get();
        let bytes = usual.saturating_mul(BYTES_OF_ROW);
        let rows = rows_of_batch(usual, row_width(&plan, bytes)?);
        if rows == usual {
            return few_collected_rows(plan, usual);
        }
        let plan = plan.transform_up(|node| with_rows(node, rows)).data()?;
        let plan = few_collected_rows(plan, rows)?;
        Ok(Arc::new(SmallBatchesExec::new(plan, SmallBatches { rows })))
    }

    fn name(&self) -> &str {
        "long_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Filters do not ask the task how many rows a batch has.
pub(super) fn with_rows(node: Arc<dyn ExecutionPlan>, rows: usize) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    match node.downcast_ref::<FilterExec>() {
        Some(filter) => Ok(Transformed::yes(Arc::new(filter.with_batch_size(rows)?))),
        None => Ok(Transformed::no(node)),
    }
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
