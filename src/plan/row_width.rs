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

use crate::memory::BYTES_OF_ROW;
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
    arguments.max(match call.name() {
        "repeat" => times(call).saturating_mul(text(call, 0).unwrap_or(TEXT)),
        "lpad" | "rpad" => times(call),
        "array_repeat" => times(call).saturating_mul(size_of::<i64>()),
        "replace" | "regexp_replace" => text(call, 2).unwrap_or(0).saturating_mul(TEXT / 4),
        "concat" | "concat_ws" => sum((0..call.args().len()).filter_map(|place| text(call, place))),
        _ => 0,
    })
}

/// The second argument, where it is known: how often, or how long.
fn times(call: &ScalarFunctionExpr) -> usize {
    let times = literal(call, 1).and_then(|times| times.cast_to(&DataType::UInt64).ok());
    let Some(ScalarValue::UInt64(Some(times))) = times else { return 0 };
    usize::try_from(times).unwrap_or(usize::MAX)
}

/// How long the text is that an argument is, where it is known.
fn text(call: &ScalarFunctionExpr, place: usize) -> Option<usize> {
    literal(call, place)?.try_as_str().flatten().map(str::len)
}

fn literal(call: &ScalarFunctionExpr, place: usize) -> Option<&ScalarValue> {
    call.args().get(place)?.downcast_ref::<Literal>().map(Literal::value)
}

/// Whether `expr` makes long rows, or such of which nobody knows how long they are.
pub(super) fn may_be_long(expr: &Arc<dyn PhysicalExpr>) -> bool {
    width_of(expr) > 4 * BYTES_OF_ROW || has_unknown_width(expr)
}

fn has_unknown_width(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() else {
        return expr.children().into_iter().any(has_unknown_width);
    };
    let argument = match call.name() {
        "repeat" | "lpad" | "rpad" | "array_repeat" | "array_resize" | "generate_series" | "range" => Some(1),
        "replace" | "regexp_replace" => Some(2),
        _ => None,
    };
    argument.is_some_and(|place| literal(call, place).is_none()) || call.args().iter().any(has_unknown_width)
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
