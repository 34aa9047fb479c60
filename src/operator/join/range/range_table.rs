//! The held rows, sorted by what they are compared by.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{SortOptions, concat, concat_batches, sort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::utils::normalize_float_zero;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

use super::bounds::{Bound, Bounds};
use super::highest::Highest;
use super::ordered::{Ordered, OrderedReader};
use crate::error::Error;
use crate::operator::join::table::{Pairs, Table, Walk};

/// Places of rows have 32 bits.
const MOST_ROWS: usize = 1 << 30;

/// So many held rows are computed with at once.
const SLICE: usize = 8192;

/// So many streamed rows are looked at before others get their turn.
const ROWS_AT_ONCE: usize = 1024;

/// Held rows by the first bound. The partners of a streamed row are among the first of them, and of these they are
/// those that the second bound leaves:
///
/// ```text
/// held.start <= at AND held.end >= at            at = 5
///
/// start  1  2  4  5  7  9      sorted: the first four
/// end    3  8  4  6  9  9      of these, the ends from 5 on: the second and the fourth
/// ```
pub(super) struct RangeTable {
    rows: RecordBatch,
    /// None where a value of the rows cannot be computed. The filter may never look at it, and says so if it does.
    order: Option<Order>,
    answers_filter: bool,
}

struct Order {
    first: Values,
    keys: Ordered,
    /// Rows whose first value is NULL stand behind these.
    found: usize,
    second: Option<(Values, Highest)>,
}

/// The values of one bound on both sides.
struct Values {
    streamed: Arc<dyn PhysicalExpr>,
    strict: bool,
    reader: OrderedReader,
}

impl Values {
    /// Of `held` values, NULLs among which stand where nobody finds them.
    fn new(bound: &Bound, held: &ArrayRef, options: SortOptions) -> Result<Self> {
        // The filter knows whether -0.0 is less than 0.0: both are candidates.
        let strict = bound.is_strict() && !bound.data_type.is_floating();
        Ok(Self { streamed: Arc::clone(&bound.streamed), strict, reader: OrderedReader::new(held, options)? })
    }
}

/// What `expr` is of the held rows, some of them at a time, as it is of streamed ones.
fn held_values(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<ArrayRef> {
    if expr.is::<Column>() || rows.num_rows() <= SLICE {
        return values_of(expr, rows);
    }
    let slice = |first| values_of(expr, &rows.slice(first, SLICE.min(rows.num_rows() - first)));
    let slices = (0..rows.num_rows()).step_by(SLICE).map(slice).collect::<Result<Vec<_>>>()?;
    Ok(concat(&slices.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
}

fn values_of(expr: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<ArrayRef> {
    Ok(normalize_float_zero(&expr.evaluate(batch)?.into_array(batch.num_rows())?))
}

impl RangeTable {
    /// A table of `batches`, which are there twice while it is made.
    pub(super) fn new(bounds: &Bounds, schema: &SchemaRef, batches: Vec<RecordBatch>) -> Result<Self> {
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if count > MOST_ROWS {
            return Err(Error::memory(format!("a join cannot hold {count} rows of one partition")).into());
        }
        let all = concat_batches(schema, &batches)?;
        drop(batches);
        // What is less than the streamed value is first: the largest where the held value is the larger one.
        let options = SortOptions { descending: !bounds.first.is_upper(), nulls_first: false };
        let Ok(values) = held_values(&bounds.first.held, &all) else {
            return Ok(Self { rows: all, order: None, answers_filter: false });
        };
        let rows = take_record_batch(&all, &sort_to_indices(&values, Some(options), None)?)?;
        drop((all, values));
        let order = Order::new(bounds, options, &rows).ok();
        Ok(Self { answers_filter: bounds.is_all && order.is_some(), rows, order })
    }
}

impl Order {
    /// Of rows that are sorted by the first bound, as `options` say.
    fn new(bounds: &Bounds, options: SortOptions, rows: &RecordBatch) -> Result<Self> {
        let held = held_values(&bounds.first.held, rows)?;
        let (first, found) = (Values::new(&bounds.first, &held, options)?, held.len() - held.logical_null_count());
        let second = match &bounds.second {
            Some(bound) => {
                let held = held_values(&bound.held, rows)?;
                let options = SortOptions { descending: bound.is_upper(), nulls_first: true };
                let values = Values::new(bound, &held, options)?;
                let highest = Highest::new(values.reader.read(held)?);
                Some((values, highest))
            }
            None => None,
        };
        Ok(Self { keys: first.reader.read(held)?, first, found, second })
    }

    fn seek(&self, streamed: &RecordBatch) -> Result<Sought> {
        let values = values_of(&self.first.streamed, streamed)?;
        let nulls = values.logical_nulls();
        let than = self.first.reader.read(values)?;
        let mut ends: Vec<_> = (0..streamed.num_rows()).map(|row| self.end(&than, row)).collect();
        find_nobody(&mut ends, nulls);
        let Some((second, _)) = &self.second else { return Ok(Sought { ends, second: None, is_exact: true }) };
        let values = values_of(&second.streamed, streamed)?;
        find_nobody(&mut ends, values.logical_nulls());
        Ok(Sought { ends, second: Some(second.reader.read(values)?), is_exact: true })
    }

    /// How many held rows are less than a value.
    fn end(&self, than: &Ordered, row: usize) -> u32 {
        let (mut least, mut most) = (0, self.found);
        while least < most {
            let middle = least + (most - least) / 2;
            let ordering = self.keys.compare(middle, than, row);
            let is_less = if self.first.strict { ordering.is_lt() } else { ordering.is_le() };
            (least, most) = if is_less { (middle + 1, most) } else { (least, middle) };
        }
        least as u32
    }
}

/// Rows with a NULL meet nobody.
fn find_nobody(ends: &mut [u32], nulls: Option<NullBuffer>) {
    let Some(nulls) = nulls else { return };
    ends.iter_mut().zip(&nulls).filter(|(_, is_valid)| !is_valid).for_each(|(end, _)| *end = 0);
}

/// The values of a streamed batch.
pub(super) struct Sought {
    /// So many of the held rows are left by the first bound.
    ends: Vec<u32>,
    second: Option<Ordered>,
    /// False where the values could not be computed, and every held row is a candidate.
    is_exact: bool,
}

impl Table for RangeTable {
    type Sought = Sought;

    fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    fn bytes(&self) -> usize {
        let order = self
            .order
            .as_ref()
            .map_or(0, |order| order.keys.bytes() + order.second.as_ref().map_or(0, |(_, highest)| highest.bytes()));
        get_record_batch_memory_size(&self.rows) + order
    }

    fn seek(&self, streamed: &RecordBatch) -> Result<Sought> {
        let sought = self.order.as_ref().and_then(|order| order.seek(streamed).ok());
        let all = || vec![self.rows.num_rows() as u32; streamed.num_rows()];
        Ok(sought.unwrap_or_else(|| Sought { ends: all(), second: None, is_exact: false }))
    }

    fn next(&self, sought: &Sought, walk: &mut Walk) -> Pairs {
        let second = self.order.as_ref().and_then(|order| order.second.as_ref());
        match (second, &sought.second) {
            (Some((values, highest)), Some(than)) => walk.next(ROWS_AT_ONCE, |row, at| {
                let end = sought.ends[row] as usize;
                highest.next(at as usize, end, (than, row), values.strict).map(|at| at as u32)
            }),
            _ => walk.next(ROWS_AT_ONCE, |row, at| (at < sought.ends[row]).then_some(at)),
        }
    }

    fn answers_filter(&self, sought: &Sought) -> bool {
        self.answers_filter && sought.is_exact
    }

    fn met(&self, sought: &Sought) -> Option<usize> {
        sought.second.is_none().then(|| sought.ends.iter().max().map_or(0, |end| *end as usize))
    }

    fn count(&self, sought: &Sought) -> Option<usize> {
        sought.second.is_none().then(|| sought.ends.iter().map(|end| *end as usize).sum())
    }
}
