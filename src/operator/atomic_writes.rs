//! The rule that makes writes of files all or nothing.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use super::commit::CommitExec;

/// Puts a [`CommitExec`] above every sink: COPY, INSERT INTO, `write_parquet` and its siblings. A sink that writes no
/// files, such as an insert into a table in memory, stages nothing.
///
/// ```text
/// before: DataSinkExec: sink=ParquetSink(…)      after: CommitExec
///           …                                             DataSinkExec: sink=ParquetSink(…)
///                                                           …
/// ```
#[derive(Debug)]
pub(crate) struct AtomicWrites;

impl PhysicalOptimizerRule for AtomicWrites {
    fn name(&self) -> &str {
        "atomic_writes"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        // From below: a sink that was wrapped is not met again.
        plan.transform_up(|plan| {
            Ok(match plan.is::<DataSinkExec>() {
                true => Transformed::yes(Arc::new(CommitExec::new(plan))),
                false => Transformed::no(plan),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}
