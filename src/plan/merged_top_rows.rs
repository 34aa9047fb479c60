//! `ORDER BY … LIMIT n` over branches that each have a constant of their own.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

/// Gives the sorts of all partitions the whole order that they are merged by. Where a column is a constant in every
/// partition, another one in each, the engine leaves it out of the sorts; but these share a cutoff, and without it rows of
/// the first partition are cut by the values of the second.
///
/// ```text
/// SortPreservingMergeExec: [c, v], fetch=1        SortPreservingMergeExec: [c, v], fetch=1
///   SortExec: TopK(fetch=1), [v]             →      SortExec: TopK(fetch=1), [c, v]
///     UnionExec                                       UnionExec
///       'a' as c, v                                     'a' as c, v
///       'b' as c, v                                     'b' as c, v
/// ```
#[derive(Debug)]
pub(crate) struct MergedTopRows;

impl PhysicalOptimizerRule for MergedTopRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| match node.downcast_ref::<SortPreservingMergeExec>().and_then(whole_sort) {
            Some(sort) => {
                let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                Ok(Transformed::yes(node.replace_children(vec![sort], options)?))
            }
            None => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &str {
        "merged_top_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The sort below the merge by the merge's own order, where it is another one.
fn whole_sort(merge: &SortPreservingMergeExec) -> Option<Arc<dyn ExecutionPlan>> {
    let sort = merge.input().downcast_ref::<SortExec>()?;
    if sort.fetch().is_none() || sort.expr() == merge.expr() {
        return None;
    }
    let whole = SortExec::new(merge.expr().clone(), Arc::clone(sort.input()))
        .with_fetch(sort.fetch())
        .with_preserve_partitioning(sort.preserve_partitioning());
    Some(Arc::new(whole))
}
