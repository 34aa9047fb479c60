//! Joins whose build side does not need to fit into memory.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::operator::{EngineJoin, SpillingJoinExec};

/// Puts joins that spill in place of the engine's hash and cross joins, which die when their build side is refused
/// memory, and of its nested-loop join, whose way out gives wrong rows (DataFusion #22641, #24745).
///
/// ```text
/// HashJoinExec: mode=Partitioned, …         SpillingHashJoinExec: mode=Partitioned, …
///   RepartitionExec: hash(o_orderkey)   →     RepartitionExec: hash(o_orderkey)
///   RepartitionExec: hash(l_orderkey)         RepartitionExec: hash(l_orderkey)
///
/// CrossJoinExec                             SpillingNestedLoopJoinExec: join_type=Inner
///   a, b                                →     a, b
/// ```
#[derive(Debug)]
pub(crate) struct SpillingJoin;

impl PhysicalOptimizerRule for SpillingJoin {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| match EngineJoin::of(node.as_ref())? {
            Some(join) => Ok(Transformed::yes(spilling(join, node.output_partitioning().partition_count())?)),
            None => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "spilling_join"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `join` with a way to disk. Where it comes out in one partition, somebody above may count on that.
fn spilling(join: EngineJoin, partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let join: Arc<dyn ExecutionPlan> = Arc::new(SpillingJoinExec::new(join)?);
    match (partitions, join.output_partitioning().partition_count()) {
        (1, 2..) => Ok(Arc::new(CoalescePartitionsExec::new(Arc::clone(&join)).with_fetch(join.fetch()))),
        _ => Ok(join),
    }
}
