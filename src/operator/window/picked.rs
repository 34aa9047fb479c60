//! Functions whose value is that of one row of the whole partition: its first, its last, the n-th from either end.

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::{filter, is_not_null};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::windows::WindowUDFExpr;

use super::large::{says, udf_name};
use crate::error::Error;

/// As many of the last values are kept at most, to know the one so far from the end.
const KEPT: usize = 10_000;

/// The row that such a function looks at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// After so many rows.
    FromStart(usize),
    /// Before so many rows.
    FromEnd(usize),
}

impl Place {
    /// None for any other function; and none inside where it looks at no row: `nth_value(v, 0)`.
    pub(super) fn of(function: &StandardWindowExpr) -> Option<Option<Self>> {
        match udf_name(function)? {
            "first_value" => Some(Some(Self::FromStart(0))),
            "last_value" => Some(Some(Self::FromEnd(0))),
            "nth_value" => Some(nth(function)),
            _ => None,
        }
    }
}

/// One such function, on its way through the rows of a partition.
#[derive(Debug)]
pub(super) struct Picked {
    place: Place,
    ignores_nulls: bool,
    data_type: DataType,
    /// Rows behind us that count.
    seen: usize,
    found: Option<ScalarValue>,
    /// The last values, where the place is told from the end.
    last: VecDeque<ScalarValue>,
}

impl Picked {
    /// None for any other function.
    pub(super) fn new(function: &StandardWindowExpr) -> Result<Option<Self>> {
        let Some(Some(place)) = Place::of(function) else { return Ok(None) };
        if matches!(place, Place::FromEnd(before) if before >= KEPT) {
            return Ok(None);
        }
        let ignores_nulls = says(function, "ignore_nulls: true");
        let data_type = function.field()?.data_type().clone();
        Ok(Some(Self { place, ignores_nulls, data_type, seen: 0, found: None, last: VecDeque::new() }))
    }
}

/// The place that the second argument of `nth_value` tells: from 1 on, negative from the end.
fn nth(function: &StandardWindowExpr) -> Option<Place> {
    let udf = function.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>()?;
    let n = udf.args().get(1)?.downcast_ref::<Literal>()?.value().cast_to(&DataType::Int64).ok()?;
    let ScalarValue::Int64(Some(n)) = n else { return None };
    // Where the engine sorts the other way round, it counts from the other end.
    let n = if says(function, "is_reversed: true") { n.checked_neg()? } else { n };
    let before = usize::try_from(n.unsigned_abs()).ok()?.checked_sub(1)?;
    Some(if n > 0 { Place::FromStart(before) } else { Place::FromEnd(before) })
}

impl Accumulator for Picked {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        let values = if self.ignores_nulls { filter(values, &is_not_null(values)?)? } else { ArrayRef::clone(values) };
        match self.place {
            Place::FromStart(before) => {
                if self.found.is_none() && (self.seen..self.seen + values.len()).contains(&before) {
                    self.found = Some(ScalarValue::try_from_array(&values, before - self.seen)?);
                }
            }
            Place::FromEnd(before) => {
                for row in values.len().saturating_sub(before + 1)..values.len() {
                    self.last.push_back(ScalarValue::try_from_array(&values, row)?);
                }
                self.last.drain(..self.last.len().saturating_sub(before + 1));
            }
        }
        self.seen += values.len();
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = match self.place {
            Place::FromStart(_) => self.found.clone(),
            Place::FromEnd(before) => self.last.front().filter(|_| self.last.len() > before).cloned(),
        };
        value.map_or_else(|| ScalarValue::try_from(&self.data_type), Ok)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.found.iter().chain(&self.last).map(ScalarValue::size).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Err(Error::internal("one row of a partition has no state to be merged").into())
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        Err(Error::internal("one row of a partition has no state to be merged").into())
    }
}
