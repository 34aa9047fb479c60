//! `min` and `max` of a frame that leaves rows behind, and `bool_and` and `bool_or`, which are the same of truth values.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::window::{SlidingAggregateWindowExpr, WindowExpr};

use super::super::log::{Cursor, Log, Room};
use super::Framed;
use crate::operator::spill::unnamed;

/// So many bytes of values stay in memory at the back, and twice as many before they are moved on.
const PAGE_BYTES: usize = if cfg!(test) { 256 } else { 256 << 10 };

/// A row and its value.
type Candidate = (u64, ScalarValue);

/// Values that may be the extreme of the frame still: each is beyond all that came after it.
///
/// ```text
/// max      values  3 9 7 2 5 4 4 1            8 comes: 7, 5, 4, 1 can never be the greatest any more
/// candidates         9 7   5   4 1     ─►  9 8
///
///          front │ pages, in memory or on disk │ back
/// goes out ◄─────┘                             └─── comes in, and takes away what it is beyond
/// ```
///
/// In falling order every row is a candidate, so that pages of them go to disk. Lemire, "Streaming Maximum-Minimum
/// Filter Using No More than Three Comparisons per Element" (2006).
pub(super) struct Extreme {
    /// How a value compares to one that it is beyond.
    beyond: Ordering,
    /// The value of no rows.
    none: ScalarValue,
    front: Page,
    pages: Log,
    next: Cursor,
    back: Page,
}

impl Extreme {
    /// None for any other function, and for nested values, of which some do not compare.
    pub(super) fn new(function: &dyn WindowExpr, room: &Room) -> Result<Option<Self>> {
        let sliding = function.as_any().downcast_ref::<SlidingAggregateWindowExpr>();
        let Some(aggregate) = sliding.map(SlidingAggregateWindowExpr::get_aggregate_expr) else { return Ok(None) };
        let beyond = match aggregate.fun().name() {
            "min" | "bool_and" => Ordering::Less,
            "max" | "bool_or" => Ordering::Greater,
            _ => return Ok(None),
        };
        let data_type = aggregate.field().data_type().clone();
        match data_type.is_nested() {
            true => Ok(None),
            false => Ok(Some(Self::of(beyond, ScalarValue::try_from(&data_type)?, room))),
        }
    }

    fn of(beyond: Ordering, none: ScalarValue, room: &Room) -> Self {
        let pages = Log::new(room);
        Self { beyond, none, front: Page::default(), pages, next: Cursor::default(), back: Page::default() }
    }

    fn push(&mut self, row: u64, value: ScalarValue) -> Result<()> {
        while let Some((_, last)) = self.last()?
            && value.partial_cmp(last).is_some_and(|order| order == self.beyond || order == Ordering::Equal)
        {
            // The last one is at the back, but where there is nothing else than the front.
            if self.back.pop_back().is_none() {
                self.front.pop_back();
            }
        }
        self.back.push_back((row, value.compacted()));
        if self.back.bytes > 2 * PAGE_BYTES {
            self.pages.push(self.back.take(PAGE_BYTES)?)?;
        }
        Ok(())
    }

    /// The last candidate; the last page becomes the back where that is empty.
    fn last(&mut self) -> Result<Option<&Candidate>> {
        if self.back.is_empty()
            && let Some(page) = self.pages.pop()?
        {
            self.back = Page::of(&page)?;
        }
        Ok(self.back.last().or(self.front.last()))
    }

    /// The first candidate; the first page becomes the front where that is empty.
    fn first(&mut self) -> Result<Option<&Candidate>> {
        if self.front.is_empty() {
            if let Some(page) = self.next.next(&self.pages, self.pages.end())? {
                self.front = Page::of(&page)?;
            } else {
                std::mem::swap(&mut self.front, &mut self.back);
            }
            self.pages.forget(self.next.row);
        }
        Ok(self.front.first())
    }
}

impl Framed for Extreme {
    fn begin(&mut self, _: usize) -> Result<()> {
        (self.front, self.back) = (Page::default(), Page::default());
        self.next.row = self.pages.end();
        self.pages.forget(self.next.row);
        Ok(())
    }

    fn enter(&mut self, arguments: &[ArrayRef], first: usize) -> Result<()> {
        for values in arguments.iter().take(1) {
            for place in 0..values.len() {
                let value = ScalarValue::try_from_array(values, place)?;
                if !value.is_null() {
                    self.push((first + place) as u64, value)?;
                }
            }
        }
        Ok(())
    }

    fn adds(&self) -> bool {
        true
    }

    fn value(&mut self, frame: &Range<usize>) -> Result<Option<ScalarValue>> {
        while self.first()?.is_some_and(|(row, _)| *row < frame.start as u64) {
            self.front.pop_front();
        }
        let value = self.first()?.map(|(_, value)| value.clone());
        Ok(Some(value.unwrap_or_else(|| self.none.clone())))
    }

    fn bytes(&self) -> usize {
        self.front.bytes + self.back.bytes
    }
}

/// Candidates in memory.
#[derive(Default)]
struct Page {
    candidates: VecDeque<Candidate>,
    bytes: usize,
}

impl Page {
    fn of(batch: &RecordBatch) -> Result<Self> {
        let rows = batch.column(0).as_primitive::<UInt64Type>();
        let candidate = |place: usize| {
            let value = ScalarValue::try_from_array(batch.column(1), place)?;
            Ok((rows.value(place), value.compacted()))
        };
        let candidates = (0..batch.num_rows()).map(candidate).collect::<Result<VecDeque<_>>>()?;
        Ok(Self { bytes: candidates.iter().map(bytes).sum(), candidates })
    }

    fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    fn first(&self) -> Option<&Candidate> {
        self.candidates.front()
    }

    fn last(&self) -> Option<&Candidate> {
        self.candidates.back()
    }

    fn push_back(&mut self, candidate: Candidate) {
        self.bytes += bytes(&candidate);
        self.candidates.push_back(candidate);
    }

    fn pop_back(&mut self) -> Option<Candidate> {
        self.candidates.pop_back().inspect(|candidate| self.bytes -= bytes(candidate))
    }

    fn pop_front(&mut self) -> Option<Candidate> {
        self.candidates.pop_front().inspect(|candidate| self.bytes -= bytes(candidate))
    }

    /// Takes the first candidates away, as many as exceed `left` bytes.
    fn take(&mut self, left: usize) -> Result<RecordBatch> {
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        while self.bytes > left
            && let Some((row, value)) = self.pop_front()
        {
            rows.push(row);
            values.push(value);
        }
        let count = rows.len();
        unnamed(vec![Arc::new(UInt64Array::from(rows)), ScalarValue::iter_to_array(values)?], count)
    }
}

fn bytes((_, value): &Candidate) -> usize {
    size_of::<u64>() + value.size()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::super::super::log::tests::room;
    use super::*;

    fn check(values: &[Option<i64>], bounds: &[(usize, usize)], beyond: Ordering) -> usize {
        let room = room(4_000);
        let mut extreme = Extreme::of(beyond, ScalarValue::Int64(None), &room);
        extreme.begin(0).unwrap();
        let mut entered = 0;
        for (start, end) in bounds {
            let column: ArrayRef = Arc::new(Int64Array::from(values[entered..*end].to_vec()));
            extreme.enter(&[column], entered).unwrap();
            entered = *end;
            let frame = values[*start..*end].iter().flatten();
            let expected = if beyond == Ordering::Less { frame.min() } else { frame.max() };
            let found = extreme.value(&(*start..*end)).unwrap();
            assert_eq!(found, Some(ScalarValue::Int64(expected.copied())));
        }
        room.figures.spill.spill_file_count.value()
    }

    #[test]
    fn falling_values_go_to_disk() {
        let values: Vec<_> = (0..5_000).map(|i| Some(-i)).collect();
        let bounds: Vec<_> = (1..=5_000usize).map(|end| (end.saturating_sub(2_000), end)).collect();
        assert!(check(&values, &bounds, Ordering::Greater) > 0, "all stayed in memory");
        assert_eq!(check(&values, &bounds, Ordering::Less), 0);
    }

    #[test]
    fn one_value_takes_all_others_away_wherever_they_are() {
        let mut values: Vec<_> = (0..1_000).map(Some).collect();
        values.extend([Some(-1), None, Some(5)]);
        let bounds: Vec<_> = (1..=values.len()).map(|end| (end.saturating_sub(700), end)).collect();
        assert!(check(&values, &bounds, Ordering::Less) > 0, "all stayed in memory");
    }

    proptest! {
        #[test]
        fn the_extreme_is_that_of_the_rows_in_the_frame(
            values in prop::collection::vec(prop::option::weighted(0.9, -300..300i64), 1..400),
            steps in prop::collection::vec((0..60usize, 0..60usize), 1..40),
            beyond in prop::sample::select(vec![Ordering::Less, Ordering::Greater]),
        ) {
            let (mut start, mut end, mut bounds) = (0, 0, Vec::new());
            for (from, to) in steps {
                end = (end + to).min(values.len());
                start = (start + from).min(end);
                bounds.push((start, end));
            }
            check(&values, &bounds, beyond);
        }
    }
}
