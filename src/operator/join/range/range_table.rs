//! The held rows, sorted by what they are compared by.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::{SortOptions, concat_batches, sort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::utils::normalize_float_zero;
use datafusion::physical_plan::PhysicalExpr;

use super::bounds::{Bound, Bounds};
use super::highest::Highest;
use crate::error::Error;
use crate::operator::join::table::{Pairs, Table, Walk};

/// Places of rows have 32 bits.
const MOST_ROWS: usize = 1 << 30;

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
    keys: Rows,
    second: Option<(Values, Highest)>,
}

/// The values of one bound on both sides, in a form whose bytes compare as they do.
struct Values {
    held: Arc<dyn PhysicalExpr>,
    streamed: Arc<dyn PhysicalExpr>,
    strict: bool,
    converter: RowConverter,
}

impl Values {
    /// Sorted with `options`, NULLs of which stand where nobody finds them.
    fn new(bound: &Bound, options: SortOptions) -> Result<Self> {
        let converter = RowConverter::new(vec![SortField::new_with_options(bound.data_type.clone(), options)])?;
        // The filter knows whether -0.0 is less than 0.0: both are candidates.
        let strict = bound.is_strict() && !bound.data_type.is_floating();
        Ok(Self { held: Arc::clone(&bound.held), streamed: Arc::clone(&bound.streamed), strict, converter })
    }

    fn held(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(normalize_float_zero(&self.held.evaluate(batch)?.into_array(batch.num_rows())?))
    }

    fn streamed(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        Ok(normalize_float_zero(&self.streamed.evaluate(batch)?.into_array(batch.num_rows())?))
    }

    fn rows(&self, values: ArrayRef) -> Result<Rows> {
        Ok(self.converter.convert_columns(&[values])?)
    }
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
        let first = Values::new(&bounds.first, options)?;
        let Ok(values) = first.held(&all) else {
            return Ok(Self { rows: all, order: None, answers_filter: false });
        };
        let rows = take_record_batch(&all, &sort_to_indices(&values, Some(options), None)?)?;
        drop((all, values));
        let order = Order::new(bounds, first, &rows).ok();
        Ok(Self { answers_filter: bounds.is_all && order.is_some(), rows, order })
    }
}

impl Order {
    /// Of rows that are sorted by the first bound.
    fn new(bounds: &Bounds, first: Values, rows: &RecordBatch) -> Result<Self> {
        let second = match &bounds.second {
            Some(bound) => {
                let values = Values::new(bound, SortOptions { descending: bound.is_upper(), nulls_first: true })?;
                let highest = Highest::new(values.rows(values.held(rows)?)?);
                Some((values, highest))
            }
            None => None,
        };
        Ok(Self { keys: first.rows(first.held(rows)?)?, first, second })
    }

    fn seek(&self, streamed: &RecordBatch) -> Result<Sought> {
        let values = self.first.streamed(streamed)?;
        let nulls = values.logical_nulls();
        let than = self.first.rows(values)?;
        let end = |row: usize| match nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            true => self.end(than.row(row).data()),
            false => 0,
        };
        let mut ends: Vec<_> = (0..streamed.num_rows()).map(end).collect();
        let Some((second, _)) = &self.second else { return Ok(Sought { ends, second: None, is_exact: true }) };
        let values = second.streamed(streamed)?;
        if let Some(nulls) = values.logical_nulls() {
            ends.iter_mut().zip(&nulls).filter(|(_, is_valid)| !is_valid).for_each(|(end, _)| *end = 0);
        }
        Ok(Sought { ends, second: Some(second.rows(values)?), is_exact: true })
    }

    /// How many held rows are less than a value.
    fn end(&self, than: &[u8]) -> u32 {
        let (mut least, mut most) = (0, self.keys.num_rows());
        while least < most {
            let middle = least + (most - least) / 2;
            let value = self.keys.row(middle);
            let is_less = if self.first.strict { value.data() < than } else { value.data() <= than };
            (least, most) = if is_less { (middle + 1, most) } else { (least, middle) };
        }
        least as u32
    }
}

/// The values of a streamed batch.
pub(super) struct Sought {
    /// So many of the held rows are left by the first bound.
    ends: Vec<u32>,
    second: Option<Rows>,
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
            .map_or(0, |order| order.keys.size() + order.second.as_ref().map_or(0, |(_, highest)| highest.bytes()));
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
                let (end, than) = (sought.ends[row] as usize, than.row(row));
                highest.next(at as usize, end, than.data(), values.strict).map(|at| at as u32)
            }),
            _ => walk.next(ROWS_AT_ONCE, |row, at| (at < sought.ends[row]).then_some(at)),
        }
    }

    fn answers_filter(&self, sought: &Sought) -> bool {
        self.answers_filter && sought.is_exact
    }

    fn count(&self, sought: &Sought) -> Option<usize> {
        sought.second.is_none().then(|| sought.ends.iter().map(|end| *end as usize).sum())
    }
}
