//! Sums, averages and counts of numbers, over the rows so far or over a few rows about each.

use std::collections::VecDeque;
use std::mem;
use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, DecimalType, Float64Type, Int64Type, SchemaRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_plan::PhysicalExpr;

use super::frame::aggregate_of;
use super::parts::{Part, Parts};
use super::values::{Function, Values};
use crate::error::Error;

/// As many rows before or after are kept at most; a larger frame is one of any other kind.
const FARTHEST: usize = 100_000;

/// The values of so many peers are put together with those of others.
const FEW: usize = if cfg!(test) { 32 } else { 4096 };

/// What is made of a sum and a count.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Count,
    Sum,
    /// The sum, times this, by the count.
    Average(i128),
}

/// The rows that a value is made of. None: from the first of the partition; up to the last peer.
#[derive(Debug, Clone, Copy)]
struct Reach {
    before: Option<usize>,
    after: Option<usize>,
}

/// Such a function of any number type that has one.
pub(super) fn numbers(function: &Arc<dyn WindowExpr>, schema: &SchemaRef) -> Result<Option<Box<dyn Function>>> {
    let aggregate = aggregate_of(function.as_ref()).filter(|aggregate| !aggregate.is_distinct());
    let (Some(aggregate), Some(reach)) = (aggregate, reach(function.get_window_frame())) else { return Ok(None) };
    let arguments = aggregate.expressions();
    let [argument] = arguments.as_slice() else { return Ok(None) };
    let found = function.field()?.data_type().clone();
    let argument_type = argument.data_type(schema)?;
    let Some(kind) = kind(aggregate, &argument_type, &found) else { return Ok(None) };
    let argument = Arc::clone(argument);
    Ok(Some(match argument_type {
        DataType::Float64 if kind != Kind::Count => Box::new(Numbers::<f64>::new(argument, kind, reach, found)),
        _ => Box::new(Numbers::<i128>::new(argument, kind, reach, found)),
    }))
}

fn reach(frame: &WindowFrame) -> Option<Reach> {
    let rows = frame.units == WindowFrameUnits::Rows;
    let before = match &frame.start_bound {
        bound if bound.is_unbounded() => None,
        WindowFrameBound::CurrentRow => Some(0),
        WindowFrameBound::Preceding(rows) => Some(count(rows)?),
        WindowFrameBound::Following(_) => return None,
    };
    let after = match &frame.end_bound {
        WindowFrameBound::CurrentRow if rows => Some(0),
        WindowFrameBound::CurrentRow => None,
        WindowFrameBound::Following(rows) if !rows.is_null() => Some(count(rows)?),
        _ => return None,
    };
    (rows || (before.is_none() && after.is_none())).then_some(Reach { before, after })
}

fn count(rows: &ScalarValue) -> Option<usize> {
    let ScalarValue::UInt64(Some(rows)) = rows.cast_to(&DataType::UInt64).ok()? else { return None };
    usize::try_from(rows).ok().filter(|rows| *rows <= FARTHEST)
}

fn kind(aggregate: &AggregateFunctionExpr, argument: &DataType, found: &DataType) -> Option<Kind> {
    use DataType::{Decimal128, Float64, Int64};
    match (aggregate.fun().name(), argument, found) {
        ("count", _, Int64) => Some(Kind::Count),
        ("sum", Int64, Int64) | ("sum", Float64, Float64) => Some(Kind::Sum),
        ("sum", Decimal128(_, of), Decimal128(_, to)) if of == to => Some(Kind::Sum),
        ("avg", Float64, Float64) => Some(Kind::Average(1)),
        ("avg", Decimal128(_, of), Decimal128(_, to)) => {
            let more = u32::try_from(to.checked_sub(*of)?).ok()?;
            10i128.checked_pow(more).map(Kind::Average)
        }
        _ => None,
    }
}

/// A number as it is added up.
trait Number: Copy + Default + Send + AddAssign + SubAssign + 'static {
    /// The numbers of a column; for a count, of which only NULLs matter, any.
    fn all(values: &ArrayRef, kind: Kind) -> Result<Vec<Option<Self>>>;
    /// What is found for a sum of `count` numbers, which are one at least.
    fn found(self, count: u64, kind: Kind, of: &DataType) -> Result<Self>;
    fn of_count(count: u64) -> Self;
    fn array(found: Vec<Option<Self>>, of: &DataType) -> Result<ArrayRef>;
}

impl Number for i128 {
    fn all(values: &ArrayRef, kind: Kind) -> Result<Vec<Option<Self>>> {
        Ok(match values.data_type() {
            _ if kind == Kind::Count => {
                let nulls = values.logical_nulls();
                let valid = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                (0..values.len()).map(|row| valid(row).then_some(0)).collect()
            }
            DataType::Int64 => values.as_primitive::<Int64Type>().iter().map(|value| value.map(Self::from)).collect(),
            DataType::Decimal128(..) => values.as_primitive::<Decimal128Type>().iter().collect(),
            other => return Err(Error::internal(format!("a sum of {other}")).into()),
        })
    }

    fn found(self, count: u64, kind: Kind, of: &DataType) -> Result<Self> {
        let overflow = || Error::user("Arithmetic overflow: an average does not fit its type");
        match (kind, of) {
            (Kind::Average(times), DataType::Decimal128(precision, scale)) => {
                let average = self.checked_mul(times).ok_or_else(overflow)? / Self::from(count);
                Decimal128Type::validate_decimal_precision(average, *precision, *scale).map_err(|_| overflow())?;
                Ok(average)
            }
            _ => Ok(self),
        }
    }

    fn of_count(count: u64) -> Self {
        count.into()
    }

    fn array(found: Vec<Option<Self>>, of: &DataType) -> Result<ArrayRef> {
        if let DataType::Decimal128(precision, scale) = of {
            return Ok(Arc::new(Decimal128Array::from(found).with_precision_and_scale(*precision, *scale)?));
        }
        let overflow = |sum| Error::user(format!("Arithmetic overflow: the sum {sum} does not fit its type"));
        let number = |sum: Option<Self>| sum.map(|sum| i64::try_from(sum).map_err(|_| overflow(sum))).transpose();
        Ok(Arc::new(found.into_iter().map(number).collect::<std::result::Result<Int64Array, _>>()?))
    }
}

impl Number for f64 {
    fn all(values: &ArrayRef, _: Kind) -> Result<Vec<Option<Self>>> {
        Ok(values.as_primitive::<Float64Type>().iter().collect())
    }

    fn found(self, count: u64, kind: Kind, _: &DataType) -> Result<Self> {
        Ok(if kind == Kind::Sum { self } else { self / count as Self })
    }

    fn of_count(count: u64) -> Self {
        count as Self
    }

    fn array(found: Vec<Option<Self>>, _: &DataType) -> Result<ArrayRef> {
        Ok(Arc::new(Float64Array::from(found)))
    }
}

/// One such function, and where it is in its partition.
struct Numbers<N> {
    argument: Arc<dyn PhysicalExpr>,
    kind: Kind,
    reach: Reach,
    of: DataType,
    sum: N,
    count: u64,
    /// The numbers of the rows from `first` on, which are to be added or taken away still.
    kept: VecDeque<Option<N>>,
    first: usize,
    /// Rows of the partition that are there, that have a value, and that were added.
    rows: usize,
    done: usize,
    added: usize,
    found: Vec<Option<N>>,
}

impl<N: Number> Numbers<N> {
    fn new(argument: Arc<dyn PhysicalExpr>, kind: Kind, reach: Reach, of: DataType) -> Self {
        Self {
            argument,
            kind,
            reach,
            of,
            sum: N::default(),
            count: 0,
            kept: VecDeque::new(),
            first: 0,
            rows: 0,
            done: 0,
            added: 0,
            found: Vec::new(),
        }
    }

    fn begin(&mut self) {
        (self.sum, self.count, self.first, self.rows, self.done, self.added) = (N::default(), 0, 0, 0, 0, 0);
        self.kept.clear();
    }

    fn value(&self) -> Result<Option<N>> {
        match (self.kind, self.count) {
            (Kind::Count, count) => Ok(Some(N::of_count(count))),
            (_, 0) => Ok(None),
            (kind, count) => self.sum.found(count, kind, &self.of).map(Some),
        }
    }

    fn add(&mut self, number: Option<N>) {
        if let Some(number) = number {
            self.sum += number;
            self.count += 1;
        }
    }

    fn take_away(&mut self, number: Option<N>) {
        if let Some(number) = number {
            self.sum -= number;
            self.count -= 1;
            if self.count == 0 {
                // Not what rounding has left of numbers that are gone.
                self.sum = N::default();
            }
        }
    }

    /// Finds the values of the rows before `until`, whose last rows are there.
    fn slide(&mut self, until: usize, after: usize) -> Result<()> {
        while self.done < until {
            let end = (self.done + after + 1).min(self.rows);
            while self.added < end {
                self.add(self.kept[self.added - self.first]);
                self.added += 1;
                if self.reach.before.is_none() {
                    self.kept.pop_front();
                    self.first += 1;
                }
            }
            while self.reach.before.is_some_and(|before| self.first + before < self.done) {
                let gone = self.kept.pop_front().flatten();
                self.take_away(gone);
                self.first += 1;
            }
            self.found.push(self.value()?);
            self.done += 1;
        }
        Ok(())
    }

    /// All rows of the peers at hand have their value.
    fn settle(&mut self, values: &mut [Values]) -> Result<()> {
        let rows = self.rows - mem::replace(&mut self.done, self.rows);
        if rows == 0 {
            return Ok(());
        }
        let value = self.value()?;
        if rows <= FEW {
            self.found.extend(std::iter::repeat_n(value, rows));
            return Ok(());
        }
        self.out(values)?;
        values[0].repeat(&N::array(vec![value], &self.of)?, rows)
    }

    fn push_peers(&mut self, part: &Part, numbers: &[Option<N>], values: &mut [Values]) -> Result<()> {
        if part.starts_peers {
            self.settle(values)?;
        }
        if part.starts_partition {
            self.begin();
        }
        numbers[part.rows.clone()].iter().for_each(|number| self.add(*number));
        self.rows += part.rows.len();
        Ok(())
    }

    fn push_rows(&mut self, part: &Part, numbers: &[Option<N>], after: usize) -> Result<()> {
        if part.starts_partition {
            self.slide(self.rows, after)?;
            self.begin();
        }
        self.kept.extend(&numbers[part.rows.clone()]);
        self.rows += part.rows.len();
        self.slide(self.rows.saturating_sub(after), after)
    }

    fn out(&mut self, values: &mut [Values]) -> Result<()> {
        values[0].push(N::array(mem::take(&mut self.found), &self.of)?)
    }
}

#[async_trait]
impl<N: Number> Function for Numbers<N> {
    async fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()> {
        let rows = parts.batch.num_rows();
        let numbers = N::all(&self.argument.evaluate(&parts.batch)?.into_array(rows)?, self.kind)?;
        self.found.reserve(rows);
        match self.reach.after {
            None => parts.peers.iter().try_for_each(|part| self.push_peers(part, &numbers, values))?,
            Some(after) => parts.partitions.iter().try_for_each(|part| self.push_rows(part, &numbers, after))?,
        }
        self.out(values)
    }

    async fn finish(&mut self, values: &mut [Values]) -> Result<()> {
        match self.reach.after {
            None => self.settle(values)?,
            Some(after) => self.slide(self.rows, after)?,
        }
        self.out(values)
    }

    fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Option<N>>()
    }
}
