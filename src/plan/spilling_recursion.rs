//! Recursive queries whose rows do not need to fit into memory.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;

use crate::operator::SpillingRecursionExec;

/// Puts an operator that goes through disk in place of the engine's, which holds a step, and with UNION all rows.
///
/// ```text
/// RecursiveQueryExec: name=t        SpillingRecursionExec: name=t
///   …                                 …
///   FilterExec: d < 3          →      FilterExec: d < 3
///     WorkTableExec: name=t             StepExec: name=t
/// ```
#[derive(Debug)]
pub(crate) struct SpillingRecursion;

impl PhysicalOptimizerRule for SpillingRecursion {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(query) = node.downcast_ref::<RecursiveQueryExec>() else { return Ok(Transformed::no(node)) };
            let ours = SpillingRecursionExec::new(query)?;
            Ok(ours.map_or(Transformed::no(Arc::clone(&node)), |ours| Transformed::yes(Arc::new(ours) as _)))
        })
        .data()
    }

    fn name(&self) -> &str {
        "spilling_recursion"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
