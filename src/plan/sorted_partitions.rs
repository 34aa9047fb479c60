//! The rule that writes partitions of Parquet one after the other.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexRequirement, PhysicalSortRequirement};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::operator::PartitionedParquet;

/// Gives a partitioned write of Parquet our sink, and asks for its input in the order of the partition columns. It
/// stands before the engine's rules: they put the sort in place, in parallel, or find that the input is sorted.
///
/// ```text
/// before: DataSinkExec: sink=ParquetSink(…)      after: DataSinkExec: sink=PartitionedParquet(by=[year])
///           …                                             SortPreservingMergeExec: [year]
///                                                           SortExec: [year]      spills
///                                                             …
/// ```
#[derive(Debug)]
pub(crate) struct SortedPartitions;

impl PhysicalOptimizerRule for SortedPartitions {
    fn name(&self) -> &str {
        "sorted_partitions"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match plan.downcast_ref::<DataSinkExec>() {
            Some(write) => {
                match write.sink().downcast_ref::<ParquetSink>().map(PartitionedParquet::new).transpose()?.flatten() {
                    Some(sink) => Ok(Transformed::yes(sorted(write, sink)?)),
                    None => Ok(Transformed::no(plan)),
                }
            }
            None => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Behind the keys comes the order that was asked for: each file has it.
fn sorted(write: &DataSinkExec, sink: PartitionedParquet) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = sink.schema();
    let key = |(name, _): &(String, _)| Ok(PhysicalSortRequirement::new(col(name, schema)?, None));
    let keys = sink.config().table_partition_cols.iter().map(key).collect::<Result<Vec<_>>>()?;
    let order = keys.into_iter().chain(write.sort_order().iter().flatten().cloned());
    let order = LexRequirement::new(order);
    Ok(Arc::new(DataSinkExec::new(Arc::clone(write.input()), Arc::new(sink), order)))
}
