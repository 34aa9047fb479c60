//! `ORDER BY … LIMIT n` with more rows than a heap should hold.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::AcrossPartitions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::collected_rows::collected_columns;
use super::row_width::row_width;
use crate::operator::TopRowsExec;

/// So many bytes of rows are left to the engine's heap, which cannot spill.
const SMALL: usize = if cfg!(test) { 2 << 10 } else { 2 << 20 };

/// Puts an operator that sorts by way of the disk in the place of a sort with a large fetch.
///
/// ```text
/// SortPreservingMergeExec: fetch=5000000          SortPreservingMergeExec: fetch=5000000
///   SortExec: TopK(fetch=5000000), …         →      TopRowsExec: fetch=5000000, …
/// ```
///
/// So, too, in the place of a sort of a few rows whose partitions must not share a cutoff, which the engine's do.
#[derive(Debug)]
pub(crate) struct LargeTopRows;

impl PhysicalOptimizerRule for LargeTopRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        replaced(plan, None)
    }

    fn name(&self) -> &str {
        "large_top_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `node` with such operators in it; `merge` is what is right above it.
fn replaced(node: Arc<dyn ExecutionPlan>, merge: Option<&SortPreservingMergeExec>) -> Result<Arc<dyn ExecutionPlan>> {
    let above = Arc::clone(&node);
    let node = node.map_children(|child| {
        let replaced = replaced(Arc::clone(&child), above.downcast_ref())?;
        Ok(if Arc::ptr_eq(&replaced, &child) { Transformed::no(child) } else { Transformed::yes(replaced) })
    })?;
    Ok(top_rows(&node.data, merge)?.unwrap_or(node.data))
}

/// The operator for a sort whose rows are many, or that must not share a cutoff.
fn top_rows(
    node: &Arc<dyn ExecutionPlan>,
    merge: Option<&SortPreservingMergeExec>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(None) };
    let Some(fetch) = sort.fetch() else { return Ok(None) };
    let may_share = merge.is_some_and(|merge| merge.expr() == sort.expr()) || !mixes_constants(sort);
    let width = row_bytes(&sort.schema()).max(row_width(sort.input(), SMALL)?).max(collected_bytes(sort));
    if may_share && fetch.saturating_mul(width) <= SMALL {
        return Ok(None);
    }
    let merged = merge.is_some_and(|merge| merge.fetch() == Some(fetch));
    Ok(Some(Arc::new(TopRowsExec::new(sort.clone(), fetch, may_share && merged)?)))
}

/// What a row may take whose values are collected from many: nobody knows.
fn collected_bytes(sort: &SortExec) -> usize {
    const COLLECTED: usize = 64 << 10;
    if collected_columns(sort.input().as_ref()).is_empty() { 0 } else { COLLECTED }
}

/// Whether a column is a constant in each partition, another one in each. The engine leaves it out of the sorts, whatever
/// they are merged by; but they share a cutoff, and without it rows of one partition are cut by the values of another.
fn mixes_constants(sort: &SortExec) -> bool {
    let constants = sort.input().equivalence_properties().constants();
    let mixes = constants.iter().any(|constant| constant.across_partitions == AcrossPartitions::Heterogeneous);
    sort.preserve_partitioning() && mixes
}

/// The bytes of a row by its types.
fn row_bytes(schema: &Schema) -> usize {
    schema.fields().iter().map(|field| width(field.data_type())).sum()
}

fn width(data_type: &DataType) -> usize {
    data_type.primitive_width().unwrap_or(match data_type {
        DataType::Boolean | DataType::Null => 1,
        DataType::Dictionary(_, values) => width(values),
        _ => 256,
    })
}

#[cfg(test)]
mod tests {
    use crate::Context;

    async fn explain(order: &str) -> String {
        let ctx = Context::builder().threads(2).build().unwrap();
        let of = |c: &str, v: &str| format!("SELECT '{c}' AS c, {v} AS v, {v} * 2 AS w FROM generate_series(1, 9)");
        let union = format!("SELECT c AS d, v, w FROM ({} UNION ALL {})", of("a", "value"), of("b", "-value"));
        ctx.sql(&format!("SELECT * FROM ({union}) ORDER BY {order} LIMIT 3")).await.unwrap().explain().await.unwrap()
    }

    /// One row of `ORDER BY …, a constant of each branch DESC LIMIT 1` was that of the wrong branch, now and then.
    #[tokio::test]
    async fn no_cutoff_is_shared_where_branches_have_constants_of_their_own() {
        let plan = explain("d DESC, v DESC").await;
        assert!(plan.contains("TopRowsExec: fetch=3"), "{plan}");
    }
}
