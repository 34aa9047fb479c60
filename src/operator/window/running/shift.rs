//! `lag` and `lead`: the value of a row before, or after, in the partition.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::windows::WindowUDFExpr;

use super::parts::Parts;
use super::values::{Function, Values};
use crate::operator::spill::compact;
use crate::operator::window::large::{says, udf_name};

/// As many rows before or after are kept at most.
const FARTHEST: usize = 100_000;

/// One such function, and where it is.
///
/// ```text
/// lag(v, 2)      values  │ x y │ a b c │ d e           numbers of partitions  │ 1 1 │ 1 1 2 │ 2 2
///                kept ───┘     └ batch ┘
///                found           x y ·                  ·: another partition, or none
/// ```
pub(super) struct Shift {
    value: Arc<dyn PhysicalExpr>,
    default: ArrayRef,
    /// How many rows back; ahead, where it is negative.
    back: i64,
    /// The values of rows that may be wanted still, and of rows whose own is not found.
    kept: Kept,
    /// How many of the rows kept have theirs.
    done: usize,
}

/// Rows of the last partitions.
struct Kept {
    values: ArrayRef,
    /// The number of each row's partition.
    partitions: Vec<u64>,
}

impl Shift {
    /// None for any other function, and for those that leave NULLs out or go far.
    pub(super) fn new(function: &StandardWindowExpr) -> Result<Option<Self>> {
        let Some(is_lag) = udf_name(function).and_then(|name| match name {
            "lag" => Some(true),
            "lead" => Some(false),
            _ => None,
        }) else {
            return Ok(None);
        };
        let udf = function.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>();
        let Some(udf) = udf.filter(|_| !says(function, "ignore_nulls: true")) else { return Ok(None) };
        let field = function.field()?;
        let back = offset(udf).map(|offset| if is_lag { offset } else { -offset });
        let default = default(udf, field.data_type());
        let (Some(value), Some(back), Some(default)) = (udf.args().first(), back, default) else { return Ok(None) };
        let values = default.to_array()?;
        let kept = Kept { values: values.slice(0, 0), partitions: Vec::new() };
        Ok(Some(Self { value: Arc::clone(value), default: values, back, kept, done: 0 }))
    }

    /// The values of the rows kept from `done` to `until`.
    fn found(&self, until: usize) -> Result<ArrayRef> {
        let all = concat(&[self.kept.values.as_ref(), self.default.as_ref()])?;
        let place = |row: usize| {
            let other = usize::try_from(row as i64 - self.back).ok();
            let partitions = &self.kept.partitions;
            let same = other.filter(|other| partitions.get(*other) == Some(&partitions[row]));
            same.unwrap_or(partitions.len()) as u32
        };
        let places = UInt32Array::from_iter_values((self.done..until).map(place));
        Ok(take(&all, &places, None)?)
    }

    /// Forgets rows that no other wants.
    fn prune(&mut self) -> Result<()> {
        let back = usize::try_from(self.back).unwrap_or(0);
        let first = self.done.saturating_sub(back);
        if first == 0 {
            return Ok(());
        }
        self.kept.partitions.drain(..first);
        let values = self.kept.values.slice(first, self.kept.values.len() - first);
        // What is kept of a view would go on keeping all that came before it.
        self.kept.values = compact(values)?;
        self.done -= first;
        Ok(())
    }
}

impl Function for Shift {
    fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()> {
        let rows = parts.batch.num_rows();
        let more = self.value.evaluate(&parts.batch)?.into_array(rows)?;
        self.kept.values = match self.kept.values.is_empty() {
            true => more,
            false => concat(&[self.kept.values.as_ref(), more.as_ref()])?,
        };
        let mut partition = self.kept.partitions.last().copied().unwrap_or(0);
        for part in &parts.partitions {
            partition += u64::from(part.starts_partition);
            self.kept.partitions.extend(std::iter::repeat_n(partition, part.rows.len()));
        }
        let ahead = usize::try_from(-self.back).unwrap_or(0);
        let until = self.kept.partitions.len().saturating_sub(ahead).max(self.done);
        values[0].push(self.found(until)?);
        self.done = until;
        self.prune()
    }

    fn finish(&mut self, values: &mut [Values]) -> Result<()> {
        values[0].push(self.found(self.kept.partitions.len())?);
        self.done = self.kept.partitions.len();
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.kept.values.get_array_memory_size() + self.kept.partitions.capacity() * size_of::<u64>()
    }
}

/// How far the row is; one row where it is not said.
fn offset(function: &WindowUDFExpr) -> Option<i64> {
    let Some(offset) = function.args().get(1) else { return Some(1) };
    let offset = offset.downcast_ref::<Literal>()?.value().cast_to(&DataType::Int64).ok()?;
    let ScalarValue::Int64(Some(offset)) = offset else { return None };
    (offset.unsigned_abs() <= FARTHEST as u64).then_some(offset)
}

/// The value where there is no such row, as a column of one.
fn default(function: &WindowUDFExpr, data_type: &DataType) -> Option<ScalarValue> {
    match function.args().get(2) {
        None => ScalarValue::try_from(data_type).ok(),
        Some(default) => default.downcast_ref::<Literal>()?.value().cast_to(data_type).ok(),
    }
}
