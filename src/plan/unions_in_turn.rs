//! Unions whose inputs work one after the other.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};

use super::joins_in_turn::holds_memory;
use crate::operator::{ExchangeExec, Lazy, LazyExec, MapExec, PickExec, Turn};

/// Lets each input of a union start when the one before has ended, where two or more of them hold memory of their own.
///
/// ```text
/// UnionExec                            UnionExec
///   AggregateExec: by=[a], …             LazyExec
///   AggregateExec: by=[b], …    →          AggregateExec: by=[a], …
///                                        LazyExec
///                                          AggregateExec: by=[b], …
/// ```
///
/// All at once would have a part of the budget each, and spill the more. Where rows are merged by their order, all inputs
/// are needed at once; where partitions are read apart from each other, in any order, one would wait for another that
/// nobody reads.
#[derive(Debug)]
pub(crate) struct UnionsInTurn;

impl PhysicalOptimizerRule for UnionsInTurn {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if reads_partitions_apart(&plan)? {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            if !node.is::<UnionExec>() || node.output_ordering().is_some() || !several_hold_memory(&node)? {
                return Ok(Transformed::no(node));
            }
            let partitions = |input: &&Arc<dyn ExecutionPlan>| input.output_partitioning().partition_count();
            let turns = Turn::all(node.children().iter().map(partitions).collect());
            let lazy = |(input, turn): (&Arc<dyn ExecutionPlan>, Turn)| {
                Arc::new(LazyExec::new(Arc::clone(input), Lazy::in_turn(turn))) as _
            };
            let children = node.children().into_iter().zip(turns).map(lazy).collect();
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
            Ok(Transformed::yes(node.replace_children(children, options)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "unions_in_turn"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn reads_partitions_apart(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    plan.exists(|node| Ok(node.is::<PickExec>() || node.is::<MapExec>() || node.is::<ExchangeExec>()))
}

fn several_hold_memory(union: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut several = 0;
    for input in union.children() {
        several += usize::from(holds_memory(input)?);
    }
    Ok(several > 1)
}
