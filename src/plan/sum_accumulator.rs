//! Sums of whole numbers that fail where they do not fit their type.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{ArrowNativeTypeOp, ArrowPrimitiveType};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// One sum, of all rows or of a window that slides over them. It has room for what comes and goes on the way.
#[derive(Debug)]
pub(super) struct RunningSum<T: ArrowPrimitiveType> {
    sum: i128,
    count: u64,
    kind: PhantomData<fn() -> T>,
}

impl<T: ArrowPrimitiveType> Default for RunningSum<T> {
    fn default() -> Self {
        Self { sum: 0, count: 0, kind: PhantomData }
    }
}

impl<T: ArrowPrimitiveType> RunningSum<T>
where
    T::Native: Into<i128>,
{
    /// The sum of an array and how many values it has.
    fn of(values: &ArrayRef) -> (i128, u64) {
        let values = values.as_primitive::<T>();
        let sum = match values.null_count() {
            0 => values.values().iter().map(|value| (*value).into()).sum(),
            _ => values.iter().flatten().map(Into::<i128>::into).sum(),
        };
        (sum, (values.len() - values.null_count()) as u64)
    }
}

impl<T: ArrowPrimitiveType + Debug> Accumulator for RunningSum<T>
where
    T::Native: Into<i128> + TryFrom<i128>,
{
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (sum, count) = Self::of(&values[0]);
        self.sum += sum;
        self.count += count;
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (sum, count) = Self::of(&values[0]);
        self.sum -= sum;
        self.count -= count;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let overflow = |_| exec_datafusion_err!("Arithmetic overflow: the sum {} does not fit its type", self.sum);
        let sum = (self.count > 0).then(|| T::Native::try_from(self.sum).map_err(overflow)).transpose()?;
        ScalarValue::new_primitive::<T>(sum, &T::DATA_TYPE)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The sums of many groups.
#[derive(Debug)]
pub(super) struct GroupSums<T: ArrowPrimitiveType> {
    sums: Vec<T::Native>,
    /// Which groups have a value that is not NULL.
    seen: Vec<bool>,
}

impl<T: ArrowPrimitiveType> Default for GroupSums<T> {
    fn default() -> Self {
        Self { sums: Vec::new(), seen: Vec::new() }
    }
}

impl<T: ArrowPrimitiveType> GroupSums<T> {
    fn add(&mut self, group: usize, value: T::Native) -> Result<()> {
        self.sums[group] = self.sums[group].add_checked(value)?;
        self.seen[group] = true;
        Ok(())
    }
}

impl<T: ArrowPrimitiveType + Debug> GroupsAccumulator for GroupSums<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.sums.resize(total, T::Native::ZERO);
        self.seen.resize(total, false);
        let values = values[0].as_primitive::<T>();
        match counted(values, filter) {
            None => groups.iter().zip(values.values()).try_for_each(|(group, value)| self.add(*group, *value)),
            Some(counted) => counted.valid_indices().try_for_each(|row| self.add(groups[row], values.value(row))),
        }
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.update_batch(states, groups, None, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sums = emit_to.take_needed(&mut self.sums);
        let seen = NullBuffer::new(BooleanBuffer::from(emit_to.take_needed(&mut self.seen)));
        Ok(Arc::new(PrimitiveArray::<T>::new(sums.into(), Some(seen))))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<T>();
        Ok(vec![Arc::new(PrimitiveArray::<T>::new(values.values().clone(), counted(values, filter)))])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.seen.capacity()
    }
}

/// Which values count: those that are not NULL and that FILTER lets through. All of them where there is no mask.
fn counted<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>, filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let passed = filter.map(|filter| {
        let passed = filter.nulls().map(|known| known.inner() & filter.values());
        NullBuffer::new(passed.unwrap_or_else(|| filter.values().clone()))
    });
    NullBuffer::union(values.nulls(), passed.as_ref()).filter(|mask| mask.null_count() > 0)
}
