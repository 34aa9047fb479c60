//! Bounds that are so far away in the values of the order.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::utils::compare_rows;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::window::WindowExpr;

use super::super::log::{Cursor, Log, Room};
use super::super::parts::Parts;
use super::bounds::{Rows, Side};
use super::unexpected;
use crate::operator::spill::unnamed;

/// The values that rows are in the order of, as long as one is looked at.
pub(super) struct Order {
    function: Arc<dyn WindowExpr>,
    options: SortOptions,
    values: Log,
    current: Cursor,
}

impl Order {
    /// `function` has one column that it is in the order of.
    pub(super) fn new(function: &Arc<dyn WindowExpr>, room: &Room) -> Result<Self> {
        let [order] = function.order_by() else { return Err(unexpected("a distance, but not one column in order")) };
        let (values, current) = (Log::new(room), Cursor::default());
        Ok(Self { function: Arc::clone(function), options: order.options, values, current })
    }

    /// The next rows of the input are there.
    pub(super) fn arrive(&mut self, parts: &Parts) -> Result<()> {
        let columns = self.function.order_by_columns(&parts.batch)?.into_iter().map(|column| column.values);
        self.values.push(unnamed(columns.collect(), parts.batch.num_rows())?)
    }

    /// The value of a row, which is there.
    fn value(&mut self, row: usize) -> Result<ScalarValue> {
        self.current.row = row;
        match self.current.load(&self.values)? {
            Some((batch, place)) => ScalarValue::try_from_array(batch.column(0), place),
            None => Err(unexpected("a row that is not there")),
        }
    }

    pub(super) fn forget(&mut self, row: usize) {
        self.values.forget(row);
    }
}

/// A bound at the values that are `by` less or more than the row's own.
pub(super) struct Distance {
    by: ScalarValue,
    back: bool,
    side: Side,
    backward: bool,
    /// Where the bound is: it only moves forward.
    cursor: Cursor,
    is_before_all: bool,
}

impl Distance {
    /// `backward` for rows in the opposite of the order that the query has.
    pub(super) fn new(by: ScalarValue, back: bool, side: Side, backward: bool) -> Self {
        Self { by, back, side, backward, cursor: Cursor::default(), is_before_all: false }
    }

    /// Whether the bound that was found last is in front of all rows, those with NULL included.
    ///
    /// A frame of the engine's that starts behind all values of the type starts behind the NULLs as well. Seen backward
    /// it ends there, in front of rows that frames before it had.
    pub(super) fn is_before_all(&self) -> bool {
        self.is_before_all
    }

    /// A partition begins.
    pub(super) fn begin(&mut self, row: usize) {
        self.cursor.row = row;
    }

    pub(super) fn row(&self) -> usize {
        self.cursor.row
    }

    /// The bound for a row; none while it is not known.
    pub(super) fn edge(&mut self, order: &mut Order, row: usize, rows: Rows) -> Result<Option<usize>> {
        let value = order.value(row)?;
        self.is_before_all = false;
        let Some(target) = self.target(&value, order.options)? else {
            // No value is so small, or so large: the bound is where it was, or at the end.
            self.is_before_all = self.back && self.backward;
            if !self.back && rows.complete {
                self.cursor.row = rows.end;
            }
            return Ok(rows.bound(self.back.then_some(self.cursor.row)));
        };
        self.advance(order, &target, rows.end)?;
        Ok(rows.bound(Some(self.cursor.row).filter(|row| *row < rows.end)))
    }

    /// The value that the bound is at; none where the type has none such.
    fn target(&self, value: &ScalarValue, options: SortOptions) -> Result<Option<ScalarValue>> {
        if value.is_null() {
            return Ok(Some(value.clone()));
        }
        Ok(match self.back == options.descending {
            true => value.add_checked(&self.by).ok(),
            false if value.is_unsigned() && *value < self.by => Some(value.sub(value)?),
            false => value.sub_checked(&self.by).ok(),
        })
    }

    /// Moves past the rows before the target, and for an end past those at it.
    fn advance(&mut self, order: &Order, target: &ScalarValue, end: usize) -> Result<()> {
        while self.cursor.row < end
            && let Some((batch, place)) = self.cursor.load(&order.values)?
        {
            let last = batch.num_rows().min(place + end - self.cursor.row);
            for place in place..last {
                let value = ScalarValue::try_from_array(batch.column(0), place)?;
                let compared = compare_rows(&[value], std::slice::from_ref(target), &[order.options])?;
                if !(compared.is_lt() || (self.side == Side::End && compared.is_eq())) {
                    return Ok(());
                }
                self.cursor.row += 1;
            }
        }
        Ok(())
    }
}
