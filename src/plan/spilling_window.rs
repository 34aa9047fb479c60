//! Windows over partitions that do not all fit into memory, or of which one does not; frames that are counted.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::operator::{PartitionWindows, RunningWindows, stand_in};

/// Puts a window operator that holds one partition at a time in place of the engine's, which holds all of its input, and
/// one that holds what its frames need in place of the one that copies it for every batch, and keeps all texts.
///
/// ```text
/// WindowAggExec: sum(delay) OVER (PARTITION BY carrier)       SpillingWindowExec: …
///   SortExec: carrier                                    →      SortExec: carrier
///
/// BoundedWindowAggExec: rank() OVER (ORDER BY delay)          RunningWindowExec: …
///   SortExec: delay                                      →      SortExec: delay
/// ```
#[derive(Debug)]
pub(crate) struct SpillingWindow;

impl PhysicalOptimizerRule for SpillingWindow {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if let Some(running) = stand_in::<RunningWindows>(&node)? {
                return Ok(Transformed::yes(running));
            }
            Ok(match stand_in::<PartitionWindows>(&node)? {
                Some(window) => Transformed::yes(window),
                None => Transformed::no(node),
            })
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
