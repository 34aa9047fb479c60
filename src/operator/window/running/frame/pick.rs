//! Functions whose value is that of one row: `first_value`, `last_value`, `nth_value` of a frame, and `lag` and `lead`.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::{filter, is_not_null};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};

use super::super::log::{Cursor, Log, Room};
use super::super::shift::Shifted;
use super::bounds::{Bound, Reach};
use super::{Framed, unexpected};
use crate::operator::spill::unnamed;
use crate::operator::window::large::says;
use crate::operator::window::picked::Place;

/// One such function, and where it is.
///
/// ```text
/// nth_value(v, 2) IGNORE NULLS                  first    picked   end
/// rows    0 1 2 3 4 5 6 7 8             number    2        5       8
/// v       a - b - - c - - d             v         b        c       d          places in the log: those that count
///             └ frame ──┘
/// ```
pub(super) struct Pick {
    /// None: no row of any frame.
    place: Option<Place>,
    /// The value where there is no such row.
    none: ScalarValue,
    /// Whether the log leaves NULLs out and so has the numbers of its rows.
    ignores_nulls: bool,
    /// Whether all frames of a partition begin with it: the first value stays.
    open: bool,
    stays: Option<ScalarValue>,
    rows: Log,
    first: Cursor,
    end: Cursor,
    picked: Cursor,
}

impl Pick {
    /// A function, and the bounds of the frame that it looks at.
    pub(super) fn new(function: &StandardWindowExpr, room: &Room) -> Result<(Reach, Self)> {
        let ignores_nulls = says(function, "ignore_nulls: true");
        let none = ScalarValue::try_from(function.field()?.data_type())?;
        if let Some(place) = Place::of(function) {
            let reach = Reach::new(function.get_window_frame())?;
            let pick = Self::of(place, none, ignores_nulls, &reach, room);
            return Ok((reach, pick));
        }
        let Some(shifted) = Shifted::of(function)? else { return Err(unexpected("an unknown function")) };
        // The row itself counts, whatever it has.
        let ignores_nulls = ignores_nulls && shifted.back != 0;
        let (reach, place) =
            if ignores_nulls { counted(shifted.back) } else { (at(shifted.back), Place::FromStart(0)) };
        let pick = Self::of(Some(place), shifted.default, ignores_nulls, &reach, room);
        Ok((reach, pick))
    }

    fn of(place: Option<Place>, none: ScalarValue, ignores_nulls: bool, reach: &Reach, room: &Room) -> Self {
        Self {
            place,
            none,
            ignores_nulls,
            open: reach.start == Bound::Open,
            stays: None,
            rows: Log::new(room),
            first: Cursor::default(),
            end: Cursor::default(),
            picked: Cursor::default(),
        }
    }

    /// The places in the log of the first row from `row` on.
    fn seek(rows: &Log, cursor: &mut Cursor, row: usize, by_number: bool) -> Result<()> {
        if !by_number {
            cursor.row = row;
            return Ok(());
        }
        while let Some((batch, place)) = cursor.load(rows)? {
            let numbers = &batch.column(1).as_primitive::<UInt64Type>().values()[place..];
            let before = numbers.partition_point(|number| *number < row as u64);
            cursor.row += before;
            if before < numbers.len() {
                break;
            }
        }
        Ok(())
    }

    /// The place in the log of the row that is picked.
    fn place(&self) -> Option<usize> {
        let place = match self.place? {
            Place::FromStart(rows) => self.first.row.checked_add(rows)?,
            Place::FromEnd(rows) => self.end.row.checked_sub(rows)?.checked_sub(1)?,
        };
        (self.first.row..self.end.row).contains(&place).then_some(place)
    }

    fn look(&mut self, place: usize) -> Result<ScalarValue> {
        self.picked.row = place;
        match self.picked.load(&self.rows)? {
            // A list is a slice of those of its batch, and counts as all of them.
            Some((batch, place)) if batch.column(0).data_type().is_nested() => {
                Ok(ScalarValue::try_from_array(batch.column(0), place)?.compacted())
            }
            Some((batch, place)) => ScalarValue::try_from_array(batch.column(0), place),
            None => Err(unexpected("a row that is not there")),
        }
    }

    /// Lets go of rows that no later frame picks.
    fn forget(&mut self) {
        let first = match self.place {
            Some(Place::FromStart(rows)) if self.open => self.first.row.saturating_add(rows),
            Some(Place::FromStart(_)) => self.first.row,
            Some(Place::FromEnd(rows)) => self.end.row.saturating_sub(rows.saturating_add(1)).max(self.first.row),
            None => self.end.row,
        };
        let first = if self.stays.is_some() { self.end.row } else { first.min(self.end.row) };
        self.rows.forget(first);
        if !self.open {
            self.first.row = self.first.row.max(first);
        }
    }
}

/// `lag` and `lead` that leave NULLs out: the last ones before the row, or the first ones behind it.
fn counted(back: i64) -> (Reach, Place) {
    let rows = usize::try_from(back.unsigned_abs().saturating_sub(1)).unwrap_or(usize::MAX);
    match back > 0 {
        true => (Reach { start: Bound::Open, end: Bound::Rows(-1) }, Place::FromEnd(rows)),
        false => (Reach { start: Bound::Rows(1), end: Bound::Open }, Place::FromStart(rows)),
    }
}

/// A frame of the row so far back, or ahead.
fn at(back: i64) -> Reach {
    let by = isize::try_from(back.saturating_neg()).unwrap_or(isize::MAX);
    Reach { start: Bound::Rows(by), end: Bound::Rows(by) }
}

impl Framed for Pick {
    fn begin(&mut self, row: usize) -> Result<()> {
        self.stays = None;
        Self::seek(&self.rows, &mut self.end, row, self.ignores_nulls)?;
        self.first.row = self.end.row;
        self.rows.forget(self.end.row);
        Ok(())
    }

    fn arrive(&mut self, arguments: &[ArrayRef], first: usize) -> Result<()> {
        let [values] = arguments else { return Err(unexpected("a function of nothing")) };
        let rows = values.len();
        if !self.ignores_nulls {
            return self.rows.push(unnamed(vec![Arc::clone(values)], rows)?);
        }
        let counts = is_not_null(values)?;
        let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(first as u64..(first + rows) as u64));
        let columns = vec![filter(values, &counts)?, filter(&numbers, &counts)?];
        self.rows.push(unnamed(columns, counts.true_count())?)
    }

    fn value(&mut self, frame: &Range<usize>) -> Result<Option<ScalarValue>> {
        if frame.is_empty() {
            return Ok(Some(self.none.clone()));
        }
        if !self.open {
            Self::seek(&self.rows, &mut self.first, frame.start, self.ignores_nulls)?;
        }
        Self::seek(&self.rows, &mut self.end, frame.end, self.ignores_nulls)?;
        let value = match (&self.stays, self.place()) {
            (Some(value), _) => Some(value.clone()),
            (None, place) => place.map(|place| self.look(place)).transpose()?,
        };
        if self.open && matches!(self.place, Some(Place::FromStart(_))) {
            self.stays = value.clone().map(ScalarValue::compacted);
        }
        self.forget();
        Ok(Some(value.unwrap_or_else(|| self.none.clone())))
    }

    fn bytes(&self) -> usize {
        self.none.size() + self.stays.as_ref().map_or(0, ScalarValue::size)
    }
}
