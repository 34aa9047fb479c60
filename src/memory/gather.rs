//! Rows put together into batches that are neither tiny nor huge.

use std::collections::VecDeque;

use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;

use super::compact::compact;
use super::row_bytes::{COLUMN, row_bytes};

/// Rows of so many bytes make batches of as many rows as were asked for; of longer ones there are fewer.
pub(crate) const BYTES_OF_ROW: usize = 256;

/// How many rows of `bytes` each make a batch, where one has `usual` rows: fewer of rows that are much longer than usual,
/// as many as have the bytes of a usual batch, and at least one.
pub(crate) fn rows_of_batch(usual: usize, bytes: usize) -> usize {
    let most = usual.saturating_mul(BYTES_OF_ROW).max(LEAST);
    if bytes <= 4 * BYTES_OF_ROW { usual } else { (most / bytes).clamp(1, usual.max(1)) }
}

/// Where few rows were asked for, for they are long, they make batches of so many bytes.
const LEAST: usize = if cfg!(test) { 16 << 10 } else { 512 << 10 };

/// Of many columns, each has so many bytes of a batch: with a few values each, arrays would be most of it.
const LEAST_OF_COLUMN: usize = if cfg!(test) { 64 } else { 2 << 10 };

/// No batch is made larger for that.
const MANY_COLUMNS: usize = 4 << 20;

/// Makes batches of `rows` rows, or of as many bytes as those usually have.
///
/// ```text
/// ▒▒ ▒▒▒ ▒ ▒▒ ─► ▒▒▒▒▒▒▒▒        many short rows
/// ████ ███ ██ ─► ████ ███ ██     a few long ones, as soon as they have rows × 256 bytes
/// ```
pub(crate) struct Gather {
    making: BatchCoalescer,
    rows: usize,
    /// A batch has no more bytes, but for the last rows that came.
    most: usize,
    /// The bytes of the rows in the making.
    bytes: usize,
    /// The columns whose arrays are kept as they come until a batch is full, each with what it takes beside its values.
    kept_apart: usize,
    /// The bytes of the last batch: as much was allocated for the next.
    last: usize,
    full: VecDeque<RecordBatch>,
}

impl Gather {
    pub(crate) fn new(schema: SchemaRef, rows: usize) -> Self {
        let of_columns = (schema.fields().len() * LEAST_OF_COLUMN).min(MANY_COLUMNS);
        let most = LEAST.max(rows * BYTES_OF_ROW).max(of_columns);
        // As many as are asked for are allocated, though they are never there: 65 MB of a thousand columns.
        let rows = rows.min(most / least_row(&schema).max(1)).max(1);
        let is_copied =
            |kind: &DataType| kind.is_primitive() || matches!(kind, DataType::Utf8View | DataType::BinaryView);
        let kept_apart = schema.fields().iter().filter(|field| !is_copied(field.data_type())).count();
        let making = BatchCoalescer::new(schema, rows);
        Self { making, rows, most, bytes: 0, kept_apart, last: 0, full: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        let (before, count) = (self.making.get_buffered_rows(), batch.num_rows());
        let is_large = |rows: usize| rows > self.rows / 2;
        if is_large(count) && count <= self.rows && (before == 0 || is_large(before)) {
            // A large batch goes on as it is, behind what there is.
            self.finish()?;
            self.full.push_back(batch);
            return Ok(());
        }
        let bytes = row_bytes(&batch) + self.kept_apart * COLUMN;
        self.making.push_batch(batch)?;
        let left = self.making.get_buffered_rows();
        self.bytes = if left > count { self.bytes + bytes } else { bytes / count.max(1) * left };
        if self.bytes > self.most {
            return self.finish();
        }
        self.take_full();
        Ok(())
    }

    /// The next batch that is full.
    pub(crate) fn next(&mut self) -> Option<RecordBatch> {
        self.full.pop_front()
    }

    /// What there is becomes a batch, though it is not full.
    pub(crate) fn finish(&mut self) -> Result<(), ArrowError> {
        self.making.finish_buffered_batch()?;
        self.take_full();
        (self.bytes, self.last) = (0, 0);
        Ok(())
    }

    fn take_full(&mut self) {
        while let Some(batch) = self.making.next_completed_batch() {
            // Texts were put into a buffer of a megabyte, however few they are. Where they wait, so does the megabyte.
            let batch = compact(&batch).unwrap_or(batch);
            self.last = get_record_batch_memory_size(&batch);
            self.full.push_back(batch);
        }
    }

    /// The bytes that are held for the batch in the making.
    pub(crate) fn in_making(&self) -> usize {
        self.bytes.max(self.last)
    }
}

/// The fewest bytes that a row of these columns has.
fn least_row(schema: &SchemaRef) -> usize {
    let width = |kind: &DataType| match kind {
        DataType::Utf8View | DataType::BinaryView => size_of::<u128>(),
        kind => kind.primitive_width().unwrap_or(0),
    };
    schema.fields().iter().map(|field| width(field.data_type())).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringArray};

    use super::*;

    /// How many rows the batches have that come of `batches` batches of 10 texts, each of `length` bytes.
    fn sizes(batches: usize, length: usize, rows: usize) -> Vec<usize> {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(length); 10]));
        let batch = RecordBatch::try_from_iter([("s", texts)]).unwrap();
        let mut gather = Gather::new(batch.schema(), rows);
        let mut sizes = Vec::new();
        for _ in 0..batches {
            gather.push(batch.clone()).unwrap();
            sizes.extend(std::iter::from_fn(|| gather.next()).map(|batch| batch.num_rows()));
            assert!(gather.in_making() <= 2 * rows * BYTES_OF_ROW.max(length), "{} bytes", gather.in_making());
        }
        gather.finish().unwrap();
        sizes.extend(std::iter::from_fn(|| gather.next()).map(|batch| batch.num_rows()));
        sizes
    }

    /// A query over long rows asks for batches of 65 of them already; its sort made them batches of 1, of
    /// which a run on disk has 164 kB for every 8: 1,000 columns of 150,000 rows filled the disk.
    #[test]
    fn rows_that_are_few_because_they_are_long_do_not_become_fewer() {
        assert_eq!(rows_of_batch(8192, 20_000), 104);
        assert_eq!(rows_of_batch(8, LEAST / 8), 8);
        assert_eq!(rows_of_batch(64, LEAST / 8), 8);
        assert_eq!(rows_of_batch(64, 10 * LEAST), 1);
        assert_eq!(rows_of_batch(8192, 100), 8192);
    }

    /// A table of 1,000 columns was written with 65 MB for each batch in the making.
    #[test]
    fn of_many_columns_no_more_is_allocated_than_a_batch_may_have() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1; 3]));
        let columns: Vec<_> = (0..400).map(|number| (format!("c{number}"), Arc::clone(&column))).collect();
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut gather = Gather::new(batch.schema(), 64);
        (0..20).for_each(|_| gather.push(batch.clone()).unwrap());
        gather.finish().unwrap();
        let batches: Vec<_> = std::iter::from_fn(|| gather.next()).collect();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 60);
        let allocated = |batch: &RecordBatch| batch.column(0).to_data().buffers()[0].capacity();
        assert!(batches.iter().all(|batch| allocated(batch) <= 128), "{} bytes a column", allocated(&batches[0]));
    }

    #[test]
    fn batches_have_as_many_rows_as_were_asked_for_but_of_long_ones_fewer() {
        assert_eq!(sizes(10, 5, 32), [32, 32, 32, 4]);
        assert_eq!(sizes(4, 5, 16), [10, 10, 10, 10], "large ones go on as they are");
        assert_eq!(sizes(10, 1_000, 32), [20, 20, 20, 20, 20]);
        assert_eq!(sizes(3, 100_000, 32), [10, 10, 10]);
        assert_eq!(sizes(0, 5, 32), [0; 0]);
    }
}
