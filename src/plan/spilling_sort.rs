//! Sorts of any number of rows, in few runs.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::operator::{Sorting, stand_in};

/// Puts a sort that merges few long runs in the place of the engine's, which merges a run for every batch.
///
/// ```text
/// SortExec: expr=[carrier ASC], …     →     SpillingSortExec: expr=[carrier ASC], …
/// ```
#[derive(Debug)]
pub(crate) struct SpillingSort;

impl PhysicalOptimizerRule for SpillingSort {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match stand_in::<Sorting>(&node)? {
                Some(sort) => Transformed::yes(sort),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "spilling_sort"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
