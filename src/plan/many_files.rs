//! Scans of very many files.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::source::{ManyFiles, file_scan};

/// Reads the files of a scan that has more than some hundreds of them by turns, so that what is counted for each file is
/// not kept.
///
/// It comes after all rules that change scans.
#[derive(Debug)]
pub(crate) struct ManyFileScans;

impl PhysicalOptimizerRule for ManyFileScans {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| match file_scan(node.as_ref()).and_then(ManyFiles::new) {
            Some(many) => Ok(Transformed::yes(DataSourceExec::from_data_source(many) as _)),
            None => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "many_files"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
