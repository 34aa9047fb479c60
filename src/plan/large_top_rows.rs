//! `ORDER BY … LIMIT n` with more rows than a heap should hold.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

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
#[derive(Debug)]
pub(crate) struct LargeTopRows;

impl PhysicalOptimizerRule for LargeTopRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            if let Some(merge) = node.downcast_ref::<SortPreservingMergeExec>()
                && let Some(top) = large(merge.input(), merge.fetch())?
            {
                return Ok(Transformed::yes(Arc::clone(&node).replace_children(vec![top], options)?));
            }
            Ok(match large(&node, None)? {
                Some(top) => Transformed::yes(top),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "large_top_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The operator for a sort whose rows are many; `merged` is how many of all partitions together are wanted.
fn large(node: &Arc<dyn ExecutionPlan>, merged: Option<usize>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(None) };
    let Some(fetch) = sort.fetch() else { return Ok(None) };
    let width = row_bytes(&sort.schema()).max(row_width(sort.input(), SMALL)?);
    if fetch.saturating_mul(width) <= SMALL {
        return Ok(None);
    }
    Ok(Some(Arc::new(TopRowsExec::new(sort.clone(), fetch, merged == Some(fetch))?)))
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
