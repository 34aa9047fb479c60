//! Grouped aggregates whose groups do not need to fit into memory.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode, AggregateOutputMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, InputOrderMode};

use crate::operator::SpillingAggregateExec;

/// Puts an aggregate that spills by partitions in place of the engine's, whose merge of sorted runs can be refused the
/// memory it needs.
///
/// ```text
/// AggregateExec: mode=FinalPartitioned, …        SpillingAggregateExec: mode=FinalPartitioned, …
///   RepartitionExec: hash(l_orderkey)       →      RepartitionExec: hash(l_orderkey)
///     AggregateExec: mode=Partial, …                 AggregateExec: mode=Partial, …
/// ```
///
/// A partial aggregate hands on what it has when it is refused memory, and one over sorted input holds one group:
/// both are left to the engine, and so is one that needs a few groups only.
#[derive(Debug)]
pub(crate) struct SpillingAggregate;

impl PhysicalOptimizerRule for SpillingAggregate {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(aggregate) = node.downcast_ref::<AggregateExec>().filter(|aggregate| can_spill(aggregate)) else {
                return Ok(Transformed::no(node));
            };
            let aggregate = SpillingAggregateExec::new(Arc::new(aggregate.clone()))?;
            Ok(Transformed::yes(Arc::new(aggregate) as _))
        })
        .data()
    }

    fn name(&self) -> &str {
        "spilling_aggregate"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn can_spill(aggregate: &AggregateExec) -> bool {
    let groups = aggregate.group_expr();
    // Of rows, the engine alone makes the groups of empty grouping sets.
    let one_set = groups.is_single() || aggregate.mode().input_mode() == AggregateInputMode::Partial;
    aggregate.mode().output_mode() == AggregateOutputMode::Final
        && !groups.is_true_no_grouping()
        && one_set
        && aggregate.limit_options().is_none()
        && *aggregate.input_order_mode() == InputOrderMode::Linear
        && !aggregate.input().boundedness().is_unbounded()
}
