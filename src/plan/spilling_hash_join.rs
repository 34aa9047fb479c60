//! Hash joins whose build side does not need to fit into memory.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::operator::SpillingHashJoinExec;

/// Puts a join that spills in place of the engine's hash join, which dies when its build side is refused memory.
///
/// ```text
/// HashJoinExec: mode=Partitioned, …         SpillingHashJoinExec: mode=Partitioned, …
///   RepartitionExec: hash(o_orderkey)   →     RepartitionExec: hash(o_orderkey)
///   RepartitionExec: hash(l_orderkey)         RepartitionExec: hash(l_orderkey)
/// ```
///
/// Inputs without an end are left to the engine: there is nothing to partition before they have ended.
#[derive(Debug)]
pub(crate) struct SpillingHashJoin;

impl PhysicalOptimizerRule for SpillingHashJoin {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(join) = node.downcast_ref::<HashJoinExec>().filter(|join| can_spill(join)) else {
                return Ok(Transformed::no(node));
            };
            let join = Arc::new(join.builder().build()?);
            Ok(Transformed::yes(Arc::new(SpillingHashJoinExec::new(join)?) as _))
        })
        .data()
    }

    fn name(&self) -> &str {
        "spilling_hash_join"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn can_spill(join: &HashJoinExec) -> bool {
    let unbounded = [join.left(), join.right()].iter().any(|side| side.boundedness().is_unbounded());
    join.mode != PartitionMode::Auto && !unbounded
}
