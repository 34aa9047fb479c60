//! How much memory a hash join takes for the side that it holds: the engine's, and our table.

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::memory::{RecordBatchMemoryCounter, estimate_memory_size};

use crate::memory::copied_bytes;

/// The size of a build side, in rows and bytes, and what joining with it takes.
#[derive(Debug, Default)]
pub(in crate::operator) struct Footprint {
    counter: RecordBatchMemoryCounter,
    stored: usize,
    copied: usize,
    rows: usize,
}

impl Footprint {
    /// A build side of `rows` rows that takes `bytes` bytes once it is read.
    pub(in crate::operator) fn of(rows: usize, bytes: usize) -> Self {
        Self { counter: RecordBatchMemoryCounter::new(), stored: bytes, copied: bytes, rows }
    }

    /// Counts one more batch; buffers that batches share are counted once.
    pub(in crate::operator) fn add(&mut self, batch: &RecordBatch) {
        self.counter.count_batch(batch);
        self.copied += batch.columns().iter().map(copied_bytes).sum::<usize>();
        self.rows += batch.num_rows();
    }

    /// The bytes of the rows alone.
    pub(in crate::operator) fn rows_bytes(&self) -> usize {
        self.stored + self.counter.memory_usage()
    }

    /// The most bytes held while the hash table is built: the rows, their copy as one batch, and the table.
    pub(in crate::operator) fn while_building(&self) -> usize {
        self.while_sorting(0)
    }

    /// The same for a table that is sorted, beside which there are that many more copies of its rows at most: values in
    /// the form that they are compared in.
    pub(in crate::operator) fn while_sorting(&self, copies: usize) -> usize {
        self.rows_bytes() + (1 + copies) * self.copied + table_bytes(self.rows)
    }
}

/// The hash table of `rows` rows with its chain, or the array that stands in for it where keys are dense, and the
/// bits for rows that have met a partner.
fn table_bytes(rows: usize) -> usize {
    let chained = estimate_memory_size::<(u32, u64)>(rows, 0).unwrap_or(usize::MAX / 4) + 4 * rows;
    // The array has a slot of 4 bytes for every key in the range, of which at least 15 % are in use.
    chained.max(32 * rows) + rows.div_ceil(8)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn slices_of_one_batch_are_counted_once() {
        let array: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1024));
        let batch = RecordBatch::try_from_iter([("k", array)]).unwrap();
        let mut footprint = Footprint::default();
        footprint.add(&batch.slice(0, 512));
        footprint.add(&batch.slice(512, 512));
        assert_eq!(footprint.rows_bytes(), 1024 * 8);
        assert!(footprint.while_building() >= 2 * 1024 * 8 + 1024 * 32);
    }
}
