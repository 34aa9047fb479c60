//! Joins that can be cancelled at any time.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

use crate::operator::SpillingJoinExec;

/// Puts a point at which the query can be ended above every join.
///
/// A task ends where it yields, and the engine makes scans yield. A join makes many batches of one batch of its inputs
/// without asking a scan for more, so that an aggregate above it could spin for hours after Ctrl-C:
///
/// ```text
/// AggregateExec: count(*)             AggregateExec: count(*)
///   CrossJoinExec               →       CooperativeExec
///     a, b                                CrossJoinExec
///                                           a, b
/// ```
#[derive(Debug)]
pub(crate) struct InterruptibleJoins;

impl PhysicalOptimizerRule for InterruptibleJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match is_join(node.as_ref()) {
                true => Transformed::yes(Arc::new(CooperativeExec::new(node)) as _),
                false => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "interruptible_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn is_join(node: &dyn ExecutionPlan) -> bool {
    node.is::<CrossJoinExec>()
        || node.is::<NestedLoopJoinExec>()
        || node.is::<HashJoinExec>()
        || node.is::<SpillingJoinExec>()
        || node.is::<SortMergeJoinExec>()
}
