//! Values of a function that wait for those of others.

use std::mem;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::common::{Result, ScalarValue};

use super::log::{Cursor, Log, Room};
use super::parts::Parts;
use crate::memory::copied_bytes;
use crate::operator::spill::{BATCH_BYTES, unnamed};

/// So many values are found before they go to where values wait, or values of so many bytes.
const ROWS: usize = 8192;
const BYTES: usize = if cfg!(test) { 8 << 10 } else { BATCH_BYTES };

/// Values of one function come out up to so many bytes at once.
const AT_ONCE: usize = 4 * BATCH_BYTES;

/// One window function, or several that are found together, on their way through the rows.
#[async_trait]
pub(super) trait Function: Send {
    /// Looks at the next rows, of which there is at least one, and adds the values that are known now.
    async fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()>;

    /// Adds the values of the rows that are left: no more come.
    async fn finish(&mut self, values: &mut [Values]) -> Result<()>;

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

    /// Adds one value, for each of `rows` rows.
    pub(super) fn repeat(&mut self, value: &ArrayRef, rows: usize) -> Result<()> {
        let at_once = (BYTES / copied_bytes(value).max(1)).clamp(1, ROWS);
        for first in (0..rows).step_by(at_once) {
            let places = UInt32Array::from(vec![0; at_once.min(rows - first)]);
            self.push(take(value, &places, None)?)?;
        }
        Ok(())
    }

    /// How many are known; of long ones, as many as may be in memory at once.
    pub(super) fn rows(&self) -> usize {
        self.log.rows_within(self.next.row, AT_ONCE)
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
    /// What the values take that lies elsewhere, once for each row.
    bytes: usize,
}

impl Found {
    /// The value of the next `rows` rows.
    pub(super) fn push(&mut self, value: ScalarValue, rows: usize, values: &mut Values) -> Result<()> {
        let bytes = beside(&value).saturating_mul(rows);
        if rows > ROWS || bytes > BYTES {
            self.out(values)?;
            return values.repeat(&value.to_array()?, rows);
        }
        self.places.extend(std::iter::repeat_n(self.values.len() as u32, rows));
        self.values.push(value);
        self.grow(bytes, values)
    }

    /// The next row has the value of the one before, if that is still here.
    pub(super) fn again(&mut self, values: &mut Values) -> Result<bool> {
        let (Some(last), Some(place)) = (self.values.last(), self.places.last().copied()) else { return Ok(false) };
        let bytes = beside(last);
        self.places.push(place);
        self.grow(bytes, values)?;
        Ok(true)
    }

    fn grow(&mut self, bytes: usize, values: &mut Values) -> Result<()> {
        self.bytes += bytes;
        if self.bytes > BYTES || self.places.len() >= ROWS { self.out(values) } else { Ok(()) }
    }

    /// Lets the values go.
    pub(super) fn out(&mut self, values: &mut Values) -> Result<()> {
        self.bytes = 0;
        if self.values.is_empty() {
            return Ok(());
        }
        let found = ScalarValue::iter_to_array(mem::take(&mut self.values))?;
        let places = UInt32Array::from(mem::take(&mut self.places));
        values.push(if found.len() == places.len() { found } else { take(&found, &places, None)? })
    }
}

/// What a value takes that is not in itself: a text, or a list.
pub(super) fn beside(value: &ScalarValue) -> usize {
    value.size().saturating_sub(size_of::<ScalarValue>())
}
