//! How long the rows are that a plan works with.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::{Result, Statistics};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::union::{InterleaveExec, UnionExec};

use crate::source::file_scan;

/// The bytes of a row that has the wanted columns of every scan below `plan`; of scans that a union puts together, the
/// most. Scans that tell nothing, or have fewer than `few` bytes in all, do not count.
pub(super) fn row_width(plan: &Arc<dyn ExecutionPlan>, few: usize) -> Result<usize> {
    let children = plan.children();
    if children.is_empty() {
        return scan_width(plan, few);
    }
    let widths = children.into_iter().map(|child| row_width(child, few)).collect::<Result<Vec<_>>>()?;
    Ok(match plan.is::<UnionExec>() || plan.is::<InterleaveExec>() {
        true => widths.into_iter().max().unwrap_or(0),
        false => widths.into_iter().sum(),
    })
}

fn scan_width(scan: &Arc<dyn ExecutionPlan>, few: usize) -> Result<usize> {
    let statistics = StatisticsContext::new().compute(scan.as_ref(), &StatisticsArgs::new())?;
    let rows = statistics.num_rows.get_value().copied().unwrap_or(0);
    // Of text, whole lines are read, whatever columns are wanted.
    let lines = text_scan(scan.as_ref()).and_then(|file| file.statistics().total_byte_size.get_value().copied());
    let bytes = lines.or_else(|| bytes(&statistics, &scan.schema())).filter(|bytes| rows > 0 && *bytes > few);
    Ok(bytes.map_or(0, |bytes| bytes / rows))
}

fn text_scan(scan: &dyn ExecutionPlan) -> Option<&FileScanConfig> {
    file_scan(scan).filter(|scan| matches!(scan.file_source().file_type(), "csv" | "json"))
}

/// Of a scan of some columns, the bytes of those alone where each is known; else of whole rows.
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
