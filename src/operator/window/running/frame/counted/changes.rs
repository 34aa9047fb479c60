//! What happens to values, as it is written.

use std::mem;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array, UInt64Array};
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue};

use crate::operator::spill::{BATCH_BYTES, unnamed};

/// As many bytes wait to be written at most, but for one value.
pub(super) const WAITING_BYTES: usize = 4 * BATCH_BYTES;

/// A value is there so many times more, or less; or what the tally of a part has to tell that of the whole.
#[derive(Debug)]
pub(super) struct Change {
    /// The number of the first row that it matters to.
    pub(super) when: usize,
    pub(super) number: i64,
    pub(super) value: ScalarValue,
}

impl Change {
    pub(super) fn read(rows: &RecordBatch, row: usize) -> Result<Self> {
        Ok(Self {
            when: rows.column(0).as_primitive::<UInt64Type>().value(row) as usize,
            number: rows.column(1).as_primitive::<Int64Type>().value(row),
            value: ScalarValue::try_from_array(rows.column(2), row)?,
        })
    }
}

/// Changes that wait to be written.
#[derive(Default)]
pub(super) struct Waiting {
    when: Vec<u64>,
    numbers: Vec<i64>,
    values: Vec<ScalarValue>,
    bytes: usize,
}

impl Waiting {
    pub(super) fn push(&mut self, change: Change) {
        self.when.push(change.when as u64);
        self.numbers.push(change.number);
        // It may be a view of its batch.
        let value = change.value.compacted();
        self.bytes += value.size();
        self.values.push(value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn is_full(&self, rows: usize) -> bool {
        self.values.len() >= rows || self.bytes > WAITING_BYTES
    }

    /// All of them, of which there is one at least.
    pub(super) fn take(&mut self) -> Result<RecordBatch> {
        let Self { when, numbers, values, .. } = mem::take(self);
        let rows = values.len();
        let (when, numbers) = (Arc::new(UInt64Array::from(when)), Arc::new(Int64Array::from(numbers)));
        unnamed(vec![when, numbers, ScalarValue::iter_to_array(values)?], rows)
    }
}
