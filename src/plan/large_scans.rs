//! Scans of very many files, or of very many columns.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::physical_plan::ParquetSource;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::operator::ColumnGroups;
use crate::source::{ManyFiles, file_scan};

/// Reads the columns of a scan by groups where a page of each would not fit, and its files by turns where it has more
/// than some hundreds of them, so that what is counted for each file is not kept.
///
/// It comes after all rules that change scans. A scan that filters row by row itself
/// (`datafusion.execution.parquet.pushdown_filters`) reads all columns at once.
#[derive(Debug)]
pub(crate) struct LargeScans;

impl PhysicalOptimizerRule for LargeScans {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| match large(&node)? {
            Some(scan) => Ok(Transformed::yes(scan)),
            None => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "large_scans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn large(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(config) = file_scan(node.as_ref()) else { return Ok(None) };
    let parquet = config.file_source().downcast_ref::<ParquetSource>();
    if parquet.is_some_and(|parquet| !parquet.table_parquet_options().global.pushdown_filters)
        && let Some(groups) = ColumnGroups::new(config)?
    {
        return Ok(Some(DataSourceExec::from_data_source(groups)));
    }
    Ok(ManyFiles::new(config).map(|many| DataSourceExec::from_data_source(many) as _))
}
