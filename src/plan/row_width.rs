//! How long the rows are that a plan works with.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// The bytes of a row that has the wanted columns of every scan below `plan`. Scans that tell nothing, or have fewer
/// than `few` bytes in all, do not count.
pub(super) fn row_width(plan: &Arc<dyn ExecutionPlan>, few: usize) -> Result<usize> {
    let mut width = 0;
    plan.apply(|node| {
        if node.children().is_empty() {
            let statistics = StatisticsContext::new().compute(node.as_ref(), &StatisticsArgs::new())?;
            let rows = statistics.num_rows.get_value().copied().unwrap_or(0);
            let bytes = bytes(&statistics, &node.schema()).filter(|bytes| rows > 0 && *bytes > few);
            width += bytes.map_or(0, |bytes| bytes / rows);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(width)
}

/// Of a scan of some columns, the bytes of those alone where each is known; else of whole rows, which a scan of text
/// reads anyway.
fn bytes(statistics: &Statistics, schema: &Schema) -> Option<usize> {
    let rows = statistics.num_rows.get_value().copied().unwrap_or(0);
    let columns = schema.fields().iter().zip(&statistics.column_statistics);
    let known = columns.map(|(field, column)| match field.data_type().primitive_width() {
        Some(width) => Some(width.saturating_mul(rows)),
        None => column.byte_size.get_value().copied(),
    });
    let sum = known.sum::<Option<usize>>();
    sum.or_else(|| statistics.total_byte_size.get_value().copied())
}
