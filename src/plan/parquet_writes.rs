//! Writes of Parquet inside the budget.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::sink::DataSinkExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::operator::ParquetFiles;

/// Puts a sink that ends its row groups by their bytes, and when the budget refuses more, in the place of the engine's.
///
/// ```text
/// DataSinkExec: sink=ParquetSink(…)    →    DataSinkExec: sink=ParquetFiles
/// ```
#[derive(Debug)]
pub(crate) struct ParquetWrites;

impl PhysicalOptimizerRule for ParquetWrites {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(write) = node.downcast_ref::<DataSinkExec>() else { return Ok(Transformed::no(node)) };
            let Some(sink) = write.sink().downcast_ref::<ParquetSink>() else { return Ok(Transformed::no(node)) };
            let (input, order) = (Arc::clone(write.input()), write.sort_order().clone());
            let Some(sink) = ParquetFiles::new(sink, order.as_ref())? else { return Ok(Transformed::no(node)) };
            Ok(Transformed::yes(Arc::new(DataSinkExec::new(input, Arc::new(sink), order))))
        })
        .data()
    }

    fn name(&self) -> &str {
        "parquet_writes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
