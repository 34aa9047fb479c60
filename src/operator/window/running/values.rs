//! Values of a function that wait for those of others.

use std::mem;

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::common::{Result, ScalarValue};

use super::log::{Cursor, Log, Room};
use super::parts::Parts;
use crate::operator::spill::unnamed;

/// One window function, or several that are found together, on their way through the rows.
pub(super) trait Function: Send {
    /// Looks at the next rows, of which there is at least one, and adds the values that are known now.
    fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()>;

    /// Adds the values of the rows that are left: no more come.
    fn finish(&mut self, values: &mut [Values]) -> Result<()>;

    /// The bytes it holds, but for those in a log.
    fn bytes(&self) -> usize {
        0
    }
}

/// Values that are known and not yet out, in the order of their rows.
pub(super) struct Values {
    log: Log,
    next: Cursor,
}

impl Values {
    pub(super) fn new(room: &Room) -> Self {
        Self { log: Log::new(room), next: Cursor::default() }
    }

    pub(super) fn push(&mut self, array: ArrayRef) -> Result<()> {
        let rows = array.len();
        self.log.push(unnamed(vec![array], rows)?)
    }

    pub(super) fn rows(&self) -> usize {
        self.log.end() - self.next.row
    }

    /// The first `rows` of them, of which there are as many.
    pub(super) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        let until = self.next.row + rows;
        let mut parts = Vec::new();
        while let Some(batch) = self.next.next(&self.log, until)? {
            parts.push(ArrayRef::clone(batch.column(0)));
        }
        self.log.forget(self.next.row);
        match parts.as_slice() {
            [only] => Ok(ArrayRef::clone(only)),
            parts => Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?),
        }
    }
}

/// Values as they are found one by one, of which several rows may have one.
#[derive(Default)]
pub(super) struct Found {
    values: Vec<ScalarValue>,
    /// For each row the place of its value.
    places: Vec<u32>,
}

impl Found {
    /// The value of the next `rows` rows.
    pub(super) fn push(&mut self, value: ScalarValue, rows: usize) {
        self.places.extend(std::iter::repeat_n(self.values.len() as u32, rows));
        self.values.push(value);
    }

    /// The next row has the value of the one before, if that is still here.
    pub(super) fn again(&mut self) -> bool {
        self.places.extend(self.places.last().copied());
        !self.places.is_empty()
    }

    /// Lets the values go.
    pub(super) fn out(&mut self, values: &mut Values) -> Result<()> {
        if self.values.is_empty() {
            return Ok(());
        }
        let found = ScalarValue::iter_to_array(mem::take(&mut self.values))?;
        let places = UInt32Array::from(mem::take(&mut self.places));
        values.push(if found.len() == places.len() { found } else { take(&found, &places, None)? })
    }
}
