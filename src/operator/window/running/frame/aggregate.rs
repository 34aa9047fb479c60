//! Aggregates that rows are added to, and taken away from.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, SlidingAggregateWindowExpr, WindowExpr};

use super::{Framed, unexpected};

/// The aggregate of a window function that is one.
pub(in crate::operator) fn aggregate_of(function: &dyn WindowExpr) -> Option<&AggregateFunctionExpr> {
    let plain = function.as_any().downcast_ref().map(PlainAggregateWindowExpr::get_aggregate_expr);
    plain.or_else(|| function.as_any().downcast_ref().map(SlidingAggregateWindowExpr::get_aggregate_expr))
}

/// One such function, and where it is.
pub(super) struct Aggregate {
    function: Arc<dyn WindowExpr>,
    accumulator: Box<dyn Accumulator>,
    /// The value of no rows.
    none: ScalarValue,
    takes_away: bool,
}

impl Aggregate {
    pub(super) fn new(function: &Arc<dyn WindowExpr>) -> Result<Self> {
        let aggregate = aggregate_of(function.as_ref()).ok_or_else(|| unexpected("no aggregate"))?;
        let none = aggregate.default_value(aggregate.field().data_type())?;
        let takes_away = !function.get_window_frame().start_bound.is_unbounded();
        let accumulator = accumulator(aggregate, takes_away)?;
        Ok(Self { function: Arc::clone(function), accumulator, none, takes_away })
    }
}

/// One that rows can be taken away from, where they leave.
pub(super) fn accumulator(aggregate: &AggregateFunctionExpr, takes_away: bool) -> Result<Box<dyn Accumulator>> {
    match takes_away {
        true => aggregate.create_sliding_accumulator(),
        false => aggregate.create_accumulator(),
    }
}

impl Framed for Aggregate {
    fn begin(&mut self, _: usize) -> Result<()> {
        if let Some(aggregate) = aggregate_of(self.function.as_ref()) {
            self.accumulator = accumulator(aggregate, self.takes_away)?;
        }
        Ok(())
    }

    fn enter(&mut self, arguments: &[ArrayRef], _: usize) -> Result<()> {
        self.accumulator.update_batch(arguments)
    }

    fn adds(&self) -> bool {
        true
    }

    fn leave(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        self.accumulator.retract_batch(arguments)
    }

    fn takes_away(&self) -> bool {
        self.takes_away
    }

    fn value(&mut self, frame: &Range<usize>) -> Result<Option<ScalarValue>> {
        if frame.is_empty() { Ok(Some(self.none.clone())) } else { self.accumulator.evaluate().map(Some) }
    }

    /// With what a table or a list of values takes while it grows.
    fn bytes(&self) -> usize {
        2 * self.accumulator.size()
    }
}
