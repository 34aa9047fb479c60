//! How long the rows are that a plan works with.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, ScalarValue, Statistics};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::union::{InterleaveExec, UnionExec};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use crate::operator::row_count;
use crate::source::file_scan;

/// The bytes of a row that has the wanted columns of every scan below `plan`, and the texts that it makes of them; of
/// scans that a union puts together, the most. Scans that tell nothing, or have fewer than `few` bytes in all, do not
/// count.
pub(super) fn row_width(plan: &Arc<dyn ExecutionPlan>, few: usize) -> Result<usize> {
    let made = match made_width(plan) {
        0 => 0,
        made if rows_at_most(plan)?.is_some_and(|rows| rows.saturating_mul(made) <= few) => 0,
        made => made,
    };
    Ok(width_below(plan, few)?.saturating_add(made))
}

/// How many rows come out of `plan` at most, where that is known.
pub(super) fn rows_at_most(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<usize>> {
    Ok(if let Precision::Exact(rows) = row_count(plan)? { Some(rows) } else { None })
}

fn width_below(plan: &Arc<dyn ExecutionPlan>, few: usize) -> Result<usize> {
    let children = plan.children();
    if children.is_empty() {
        return scan_width(plan, few);
    }
    let widths = children.into_iter().map(|child| row_width(child, few)).collect::<Result<Vec<_>>>()?;
    Ok(match plan.is::<UnionExec>() || plan.is::<InterleaveExec>() {
        true => widths.into_iter().max().unwrap_or(0),
        false => sum(widths.into_iter()),
    })
}

/// The bytes of a text where nothing tells of them.
const TEXT: usize = 32;

/// The bytes of what a projection or a filter makes for one row, by calls that say how much it is.
fn made_width(plan: &Arc<dyn ExecutionPlan>) -> usize {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        return sum(projection.expr().iter().map(|made| width_of(&made.expr)));
    }
    plan.downcast_ref::<FilterExec>().map_or(0, |filter| width_of(filter.predicate()))
}

fn sum(widths: impl Iterator<Item = usize>) -> usize {
    widths.fold(0, usize::saturating_add)
}

fn width_of(expr: &Arc<dyn PhysicalExpr>) -> usize {
    let arguments = sum(expr.children().into_iter().map(width_of));
    let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() else { return arguments };
    let literal = |place: usize| call.args().get(place).and_then(|value| value.downcast_ref::<Literal>());
    let times = literal(1).and_then(|times| times.value().cast_to(&DataType::UInt64).ok());
    let Some(ScalarValue::UInt64(Some(times))) = times else { return arguments };
    let times = usize::try_from(times).unwrap_or(usize::MAX);
    let text = literal(0).and_then(|text| text.value().try_as_str().flatten()).map_or(TEXT, str::len);
    arguments.max(match call.name() {
        "repeat" => times.saturating_mul(text),
        "lpad" | "rpad" => times,
        "array_repeat" => times.saturating_mul(size_of::<i64>()),
        _ => 0,
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
