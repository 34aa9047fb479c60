//! `lag` and `lead`: the value of a row before, or after, in the partition.

use std::sync::Arc;

use async_trait::async_trait;
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

/// As many rows before or after are kept at most; a row further away is looked at as a frame.
const FARTHEST: u64 = 100_000;

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
        let near = |shifted: &Shifted| shifted.back.unsigned_abs() <= FARTHEST && !says(function, "ignore_nulls: true");
        let Some(Shifted { back, default }) = Shifted::of(function)?.filter(near) else { return Ok(None) };
        let Some(value) = function.expressions().into_iter().next() else { return Ok(None) };
        let default = default.to_array()?;
        let kept = Kept { values: default.slice(0, 0), partitions: Vec::new() };
        Ok(Some(Self { value, default, back, kept, done: 0 }))
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

#[async_trait]
impl Function for Shift {
    async fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()> {
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
        values[0].push(self.found(until)?)?;
        self.done = until;
        self.prune()
    }

    async fn finish(&mut self, values: &mut [Values]) -> Result<()> {
        values[0].push(self.found(self.kept.partitions.len())?)?;
        self.done = self.kept.partitions.len();
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.kept.values.get_array_memory_size() + self.kept.partitions.capacity() * size_of::<u64>()
    }
}

/// What is said of another row.
pub(super) struct Shifted {
    /// How many rows back it is; ahead, where it is negative.
    pub(super) back: i64,
    /// The value where there is no such row.
    pub(super) default: ScalarValue,
}

impl Shifted {
    /// None for any other function than `lag` and `lead`.
    pub(super) fn of(function: &StandardWindowExpr) -> Result<Option<Self>> {
        let is_lag = udf_name(function) == Some("lag");
        let udf = function.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>();
        let Some(udf) = udf.filter(|_| is_lag || udf_name(function) == Some("lead")) else { return Ok(None) };
        let literal = |place: usize| {
            let literal = udf.args().get(place).and_then(|argument| argument.downcast_ref::<Literal>());
            literal.map(Literal::value)
        };
        let rows = literal(1).map(|rows| rows.cast_to(&DataType::Int64)).transpose()?;
        // One row where it is not said, and none where it is NULL.
        let ScalarValue::Int64(rows) = rows.unwrap_or(ScalarValue::Int64(Some(1))) else { return Ok(None) };
        // Where the engine sorts the other way round, it looks the other way.
        let back = is_lag != says(function, "is_reversed: true");
        let rows = rows.unwrap_or(0);
        let of = function.field()?;
        let default =
            literal(2).map_or_else(|| ScalarValue::try_from(of.data_type()), |it| it.cast_to(of.data_type()))?;
        Ok(Some(Self { back: if back { rows } else { rows.saturating_neg() }, default }))
    }
}
