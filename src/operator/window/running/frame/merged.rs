//! Aggregates that rows cannot be taken away from, of a frame that leaves rows behind.

use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::concat;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use super::Framed;
use crate::operator::spill::unnamed;
use crate::operator::window::running::log::{Cursor, Log, Room};

/// So many bytes of states, or so many states, are put together before they go to where they wait.
const PAGE_BYTES: usize = if cfg!(test) { 512 } else { 256 << 10 };
const PAGE_ROWS: usize = if cfg!(test) { 16 } else { 4096 };

/// Two stacks: of the first rows of the frame there is a state for those from each row on, of the others there is one.
///
/// ```text
/// frame      a b c │ d e      states: abc bc c │ de        value: abc + de
/// f comes      "                      abc bc c │ def
/// a goes       b c │ d e f                bc c │ def       value: bc + def
/// b, c go          │ d e f                     │ def       value: def
/// d goes       e f │              ef f         │           value: ef; the others have become the first
/// ```
///
/// Both, the states and the rows that are looked at again, wait in memory or on disk. Tangwongsan, Hirzel and
/// Schneider, "Low-Latency Sliding-Window Aggregation in Worst-Case Constant Time" (2017), where it is the Two-Stacks
/// algorithm: two merges for a row, on average.
pub(super) struct Merged {
    aggregate: AggregateFunctionExpr,
    /// The value of no rows.
    none: ScalarValue,
    /// The states of the rows from `first` to `middle`; the last one is that of `first`.
    states: Log,
    page: Page,
    first: usize,
    middle: usize,
    end: usize,
    /// The arguments of all rows from `middle` on, by their numbers.
    rows: Log,
    /// The state of those from `middle` to `end`; empty where there are none.
    back: Vec<ArrayRef>,
}

impl Merged {
    /// None where rows can be taken away.
    pub(super) fn new(aggregate: &AggregateFunctionExpr, takes_away: bool, room: &Room) -> Result<Option<Self>> {
        if !takes_away || retracts(aggregate)? {
            return Ok(None);
        }
        Ok(Some(Self {
            none: aggregate.default_value(aggregate.field().data_type())?,
            aggregate: aggregate.clone(),
            states: Log::new(room),
            page: Page::default(),
            first: 0,
            middle: 0,
            end: 0,
            rows: Log::new(room),
            back: Vec::new(),
        }))
    }

    /// All rows are out; others come from `row` on.
    fn restart(&mut self, row: usize) {
        self.states.forget(self.states.end());
        self.rows.forget(row);
        self.page = Page::default();
        self.back = Vec::new();
        (self.first, self.middle, self.end) = (row, row, row);
    }

    /// Lets go of the rows before `start`.
    fn forget(&mut self, start: usize) -> Result<()> {
        while self.first < start.min(self.middle) {
            if self.page.rows == 0 {
                self.page = Page::of(self.states.pop()?);
            }
            let gone = self.page.rows.min(start.min(self.middle) - self.first);
            if gone == 0 {
                // There are as many states as rows.
                return Err(super::unexpected("a row without a state"));
            }
            self.page.rows -= gone;
            self.first += gone;
        }
        if start > self.middle { self.turn(start) } else { Ok(()) }
    }

    /// The rows from `start` on become the first ones, of which each has a state: from the last one to the first.
    fn turn(&mut self, start: usize) -> Result<()> {
        let (mut row, mut state, mut page) = (self.end, Vec::new(), Building::default());
        while row > start
            && let Some((rows, last)) = Cursor::at(row - 1).load(&self.rows)?
        {
            for place in (0..=last).rev().take(row - start) {
                let arguments: Vec<_> = rows.columns().iter().map(|values| values.slice(place, 1)).collect();
                state = self.state(&arguments, &state, true)?;
                if let Some(full) = page.push(&state)? {
                    self.states.push(full)?;
                }
            }
            row = row.saturating_sub(last + 1).max(start);
        }
        self.page = Page::of(page.finish()?);
        self.back = Vec::new();
        self.rows.forget(self.end);
        (self.first, self.middle) = (start, self.end);
        Ok(())
    }

    /// The state of some rows with a `state` that there is, which is of rows behind them or before them.
    fn state(&self, arguments: &[ArrayRef], state: &[ArrayRef], rows_first: bool) -> Result<Vec<ArrayRef>> {
        let mut accumulator = self.aggregate.create_accumulator()?;
        if rows_first {
            accumulator.update_batch(arguments)?;
        }
        merge(accumulator.as_mut(), state)?;
        if !rows_first {
            accumulator.update_batch(arguments)?;
        }
        accumulator.state()?.iter().map(ScalarValue::to_array).collect()
    }
}

/// Whether rows can be taken away from an aggregate.
fn retracts(aggregate: &AggregateFunctionExpr) -> Result<bool> {
    match aggregate.create_sliding_accumulator() {
        Ok(_) => Ok(true),
        Err(DataFusionError::NotImplemented(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn merge(accumulator: &mut dyn Accumulator, state: &[ArrayRef]) -> Result<()> {
    if state.is_empty() { Ok(()) } else { accumulator.merge_batch(state) }
}

impl Framed for Merged {
    fn begin(&mut self, row: usize) -> Result<()> {
        self.restart(row);
        Ok(())
    }

    fn arrive(&mut self, arguments: &[ArrayRef], _: usize) -> Result<()> {
        let rows = arguments.first().map_or(0, |values| values.len());
        self.rows.push(unnamed(arguments.to_vec(), rows)?)
    }

    fn enter(&mut self, arguments: &[ArrayRef], first: usize) -> Result<()> {
        if first != self.end {
            self.restart(first);
        }
        self.back = self.state(arguments, &self.back, false)?;
        self.end += arguments.first().map_or(0, |values| values.len());
        Ok(())
    }

    fn adds(&self) -> bool {
        true
    }

    fn value(&mut self, frame: &Range<usize>) -> Result<Option<ScalarValue>> {
        if frame.is_empty() {
            if frame.end >= self.end {
                self.restart(frame.end);
            }
            return Ok(Some(self.none.clone()));
        }
        self.forget(frame.start)?;
        if self.first < self.middle && self.page.rows == 0 {
            self.page = Page::of(self.states.pop()?);
        }
        let mut accumulator = self.aggregate.create_accumulator()?;
        merge(accumulator.as_mut(), &self.page.last())?;
        merge(accumulator.as_mut(), &self.back)?;
        accumulator.evaluate().map(Some)
    }

    fn bytes(&self) -> usize {
        let back = self.back.iter().map(|state| state.get_array_memory_size()).sum::<usize>();
        self.page.bytes + 2 * back
    }
}

/// States that are looked at, of which the last ones have gone.
#[derive(Default)]
struct Page {
    states: Vec<ArrayRef>,
    rows: usize,
    bytes: usize,
}

impl Page {
    fn of(states: Option<RecordBatch>) -> Self {
        states.map_or_else(Self::default, |states| Self {
            rows: states.num_rows(),
            bytes: get_record_batch_memory_size(&states),
            states: states.columns().to_vec(),
        })
    }

    /// Empty where all have gone.
    fn last(&self) -> Vec<ArrayRef> {
        match self.rows.checked_sub(1) {
            Some(last) => self.states.iter().map(|states| states.slice(last, 1)).collect(),
            None => Vec::new(),
        }
    }
}

/// States that are put together.
#[derive(Default)]
struct Building {
    states: Vec<Vec<ArrayRef>>,
    bytes: usize,
}

impl Building {
    /// Adds a state; those so far, once they are many.
    fn push(&mut self, state: &[ArrayRef]) -> Result<Option<RecordBatch>> {
        self.states.push(state.to_vec());
        self.bytes += state.iter().map(|state| state.get_array_memory_size()).sum::<usize>();
        let full = self.bytes > PAGE_BYTES || self.states.len() >= PAGE_ROWS;
        if full { std::mem::take(self).finish() } else { Ok(None) }
    }

    fn finish(self) -> Result<Option<RecordBatch>> {
        let Some(first) = self.states.first() else { return Ok(None) };
        let column = |place: usize| -> Result<ArrayRef> {
            let states: Vec<&dyn Array> = self.states.iter().map(|state| state[place].as_ref()).collect();
            Ok(concat(&states)?)
        };
        let columns = (0..first.len()).map(column).collect::<Result<Vec<_>>>()?;
        unnamed(columns, self.states.len()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::StringArray;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::functions_aggregate::string_agg::string_agg_udaf;
    use datafusion::physical_expr::aggregate::AggregateExprBuilder;
    use datafusion::physical_expr::expressions::{col, lit};
    use proptest::prelude::*;

    use super::*;
    use crate::operator::window::running::log::tests::room;

    /// Texts put together, to which the order of the rows matters.
    fn texts() -> AggregateFunctionExpr {
        let schema = Arc::new(Schema::new(vec![Field::new("s", DataType::Utf8, true)]));
        let arguments = vec![col("s", &schema).unwrap(), lit("")];
        AggregateExprBuilder::new(string_agg_udaf(), arguments).schema(schema).alias("texts").build().unwrap()
    }

    proptest! {
        #[test]
        fn the_value_is_that_of_the_rows_in_the_frame_in_their_order(
            rows in prop::collection::vec(prop::option::weighted(0.8, "[a-z]{1,3}"), 1..300),
            steps in prop::collection::vec((0..50usize, 0..50usize), 1..40),
            at_once in 1..80usize,
        ) {
            let mut merged = Merged::new(&texts(), true, &room(4_000)).unwrap().unwrap();
            let column = |rows: &[Option<String>]| vec![Arc::new(StringArray::from(rows.to_vec())) as ArrayRef];
            for (place, part) in rows.chunks(at_once).enumerate() {
                merged.arrive(&column(part), place * at_once).unwrap();
            }
            merged.begin(0).unwrap();
            let (mut start, mut end, mut entered) = (0, 0, 0);
            for (from, to) in steps {
                (start, end) = ((start + from).min(rows.len()), (end + to).min(rows.len()));
                // Rows before a frame that lies ahead of all so far never come in.
                entered = entered.max(start.min(end));
                if end > entered {
                    merged.enter(&column(&rows[entered..end]), entered).unwrap();
                    entered = end;
                }
                let text = rows.get(start..end).unwrap_or_default().iter().flatten().fold(None, |text: Option<String>, part| {
                    Some(text.unwrap_or_default() + part.as_str())
                });
                let value = merged.value(&(start..end.max(start))).unwrap();
                prop_assert_eq!(value, Some(ScalarValue::LargeUtf8(text)));
            }
        }
    }
}
