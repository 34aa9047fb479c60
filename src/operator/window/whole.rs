//! Functions that have one value for a whole partition.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, StandardWindowExpr, WindowExpr};

use super::large::has_filter;
use super::picked::Picked;
use crate::error::Error;
use crate::operator::aggregate::can_be_sorted;

/// How the value of a function is found that has one for the whole partition.
pub(super) enum Whole {
    Accumulator(Box<dyn Accumulator>),
    /// From all values, of that type, in their order.
    Sorted(DataType),
}

/// That of a function whose frame is the whole partition for every row.
pub(super) fn whole(function: &Arc<dyn WindowExpr>, input: &SchemaRef) -> Result<Option<Whole>> {
    if !sees_all(function.as_ref()) {
        return Ok(None);
    }
    if let Some(standard) = function.as_any().downcast_ref::<StandardWindowExpr>() {
        return Ok(Picked::new(standard)?.map(|picked| Whole::Accumulator(Box::new(picked))));
    }
    let Some(aggregate) = aggregate_of_all(function.as_ref()) else { return Ok(None) };
    let value = aggregate.expressions().first().map(|value| value.data_type(input)).transpose()?;
    Ok(Some(match value.filter(|value| can_be_sorted(aggregate, value)) {
        Some(value) => Whole::Sorted(value),
        None => Whole::Accumulator(aggregate.create_accumulator()?),
    }))
}

/// Whether the frame of every row is the whole partition.
pub(super) fn sees_all(function: &dyn WindowExpr) -> bool {
    let frame = function.get_window_frame();
    let all_are_peers = frame.units == WindowFrameUnits::Range && function.order_by().is_empty();
    let open = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::CurrentRow => all_are_peers,
        bound => bound.is_unbounded(),
    };
    open(&frame.start_bound) && open(&frame.end_bound)
}

/// The aggregate of a function that has one value for a whole partition.
fn aggregate_of_all(function: &dyn WindowExpr) -> Option<&AggregateFunctionExpr> {
    let aggregate = function.as_any().downcast_ref::<PlainAggregateWindowExpr>()?;
    (sees_all(function) && !has_filter(function)).then(|| aggregate.get_aggregate_expr())
}

/// Whether a function has one value for a whole partition that may be as long as all of its rows.
pub(super) fn is_long_and_whole(function: &dyn WindowExpr) -> bool {
    aggregate_of_all(function).is_some_and(|aggregate| aggregate.field().data_type().primitive_width().is_none())
}

/// The value of such a function for the rows of one partition.
pub(super) fn value_of_all(function: &dyn WindowExpr, partition: &RecordBatch) -> Result<ScalarValue> {
    let aggregate = aggregate_of_all(function).ok_or_else(|| Error::internal("no aggregate of a whole partition"))?;
    let mut accumulator = aggregate.create_accumulator()?;
    accumulator.update_batch(&function.evaluate_args(partition)?)?;
    accumulator.evaluate()
}
