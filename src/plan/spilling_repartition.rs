//! Exchanges whose rows may wait on disk.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use crate::operator::{Repartition, stand_in};

/// Puts a repartition that reads back nothing but what it wrote in place of the engine's, which would not know.
///
/// ```text
/// RepartitionExec: partitioning=Hash([k], 2)    →    SpillingRepartitionExec: partitioning=Hash([k], 2)
/// ```
///
/// It stands behind all rules that look for the engine's, or make one.
#[derive(Debug)]
pub(crate) struct SpillingRepartition;

impl PhysicalOptimizerRule for SpillingRepartition {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match stand_in::<Repartition>(&node)? {
                Some(repartition) => Transformed::yes(repartition),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "spilling_repartition"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
