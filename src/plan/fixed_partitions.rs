//! Scans whose partitions a person looks at.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::operator::{MapExec, PickExec};
use crate::source::file_scan;

/// Has each partition of a scan read its own files, where partitions are mapped, picked or streamed one by one.
///
/// Elsewhere a partition of the engine's that has come to its end takes over files of another that is behind. Read alone,
/// the first would have the rows of all.
#[derive(Debug)]
pub(crate) struct FixedPartitions;

impl PhysicalOptimizerRule for FixedPartitions {
    fn name(&self) -> &str {
        "fixed_partitions"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if !plan.exists(|node| Ok(node.is::<MapExec>() || node.is::<PickExec>()))? {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let Some(files) = file_scan(node.as_ref()) else { return Ok(Transformed::no(node)) };
            let fixed = FileScanConfigBuilder::from(files.clone()).with_preserve_order(true).build();
            Ok(Transformed::yes(DataSourceExec::from_data_source(fixed)))
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}
