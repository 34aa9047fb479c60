//! Joins of rows that a person has dealt out by the join's keys.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr, ReplaceChildrenOptions,
};

use crate::operator::{Exchange, ExchangeExec};

/// Deals the other side of such a join out to as many partitions.
///
/// ```text
/// HashJoinExec: k = k                    HashJoinExec: k = k
///   StoredScanExec: 8 by hash of k         StoredScanExec: 8 by hash of k
///   DataSourceExec                   →     ExchangeExec: keys=[k], partitions=8
///                                            DataSourceExec
/// ```
///
/// The engine deals both sides out to as many partitions as there are threads, the one that is dealt out already again.
/// With fewer partitions than threads that is left to it.
#[derive(Debug)]
pub(crate) struct AlignedJoins;

impl PhysicalOptimizerRule for AlignedJoins {
    fn name(&self) -> &str {
        "aligned_joins"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let threads = config.execution.target_partitions;
        plan.transform_up(|node| match node.downcast_ref::<HashJoinExec>().map(|join| aligned(join, threads)) {
            Some(Ok(Some(children))) => {
                let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                Ok(Transformed::yes(node.replace_children(children, recompute)?))
            }
            Some(Err(error)) => Err(error),
            _ => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The sides of the join, where one of them has to be dealt out as the other is.
fn aligned(join: &HashJoinExec, threads: usize) -> Result<Option<Vec<Arc<dyn ExecutionPlan>>>> {
    if *join.partition_mode() != PartitionMode::Partitioned {
        return Ok(None);
    }
    let (left_keys, right_keys): (Vec<_>, Vec<_>) = join.on().iter().cloned().unzip();
    let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
    let dealt = |side: &Arc<dyn ExecutionPlan>, keys: &[_]| dealt_by(side, keys).filter(|count| *count >= threads);
    Ok(match (dealt(&left, &left_keys), dealt(&right, &right_keys)) {
        (Some(left_count), Some(right_count)) if left_count == right_count => None,
        (Some(count), _) => Some(vec![left, exchange(right, right_keys, count)?]),
        (None, Some(count)) => Some(vec![exchange(left, left_keys, count)?, right]),
        (None, None) => None,
    })
}

fn exchange(
    side: Arc<dyn ExecutionPlan>,
    keys: Vec<Arc<dyn PhysicalExpr>>,
    count: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(Arc::new(ExchangeExec::try_new(side, Exchange::Keys(keys, count))?))
}

/// How many partitions there are, where the rows are dealt out by exactly these keys.
fn dealt_by(plan: &Arc<dyn ExecutionPlan>, keys: &[Arc<dyn PhysicalExpr>]) -> Option<usize> {
    match plan.output_partitioning() {
        Partitioning::Hash(dealt, count) if dealt.as_slice() == keys => Some(*count),
        _ => None,
    }
}
