//! Windows over partitions that do not all fit into memory, or of which one does not.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::operator::SpillingWindowExec;

/// Puts a window operator that holds one partition at a time in place of the engine's, which holds all of its input.
///
/// ```text
/// WindowAggExec: sum(delay) OVER (PARTITION BY carrier)       SpillingWindowExec: …
///   SortExec: carrier                                    →      SortExec: carrier
/// ```
#[derive(Debug)]
pub(crate) struct SpillingWindow;

impl PhysicalOptimizerRule for SpillingWindow {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let bounded = |window: &&WindowAggExec| !window.input().boundedness().is_unbounded();
            let Some(window) = node.downcast_ref::<WindowAggExec>().filter(bounded) else {
                return Ok(Transformed::no(node));
            };
            Ok(Transformed::yes(Arc::new(SpillingWindowExec::new(Arc::new(window.clone()))) as _))
        })
        .data()
    }

    fn name(&self) -> &str {
        "spilling_window"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
