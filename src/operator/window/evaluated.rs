//! The rows of whole partitions, once their values are found, on their way out.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;

use crate::memory::copied_bytes;
use crate::operator::spill::BATCH_BYTES;

/// Values that a partition has once, and each of its rows, go out up to so many bytes at a time.
pub(super) const REPEATED_BYTES: usize = 4 * BATCH_BYTES;

/// A column of rows of whole partitions.
pub(super) enum Column {
    Rows(ArrayRef),
    /// One value for each partition, which is that of all its rows. A list of all rows of a partition, for each of them,
    /// is the square of what was read.
    Partitions(ArrayRef),
}

/// Rows that go out batch by batch.
///
/// ```text
///  k  v  array_agg(v)          place of the partition
///  a  1 ┐                       0
///  a  2 ┴ [1, 2]                0
///  b  3 ─ [3]                   1
/// ```
pub(super) struct Evaluated {
    schema: SchemaRef,
    columns: Vec<Column>,
    /// For each row the place of its partition.
    places: UInt32Array,
    /// For each partition what its values take in each of its rows, in bytes.
    repeated: Vec<usize>,
    batch_size: usize,
    /// The first row that has not gone out.
    next: usize,
}

impl Evaluated {
    /// `partitions` are the numbers of rows of each.
    pub(super) fn new(schema: SchemaRef, columns: Vec<Column>, partitions: &[usize], batch_size: usize) -> Self {
        let places = partitions.iter().enumerate();
        let places = places.flat_map(|(place, rows)| std::iter::repeat_n(place as u32, *rows)).collect();
        let values = columns.iter().filter_map(|column| match column {
            Column::Rows(_) => None,
            Column::Partitions(values) => Some(values),
        });
        let mut repeated = vec![0; partitions.len()];
        values.for_each(|values| add_bytes(values, &mut repeated));
        Self { schema, columns, places, repeated, batch_size, next: 0 }
    }

    /// The next rows; none once all are out.
    pub(super) fn take(&mut self) -> Result<Option<RecordBatch>> {
        let rows = self.rows();
        let places = self.places.slice(self.next, rows);
        let columns = self.columns.iter().map(|column| match column {
            Column::Rows(values) => Ok(values.slice(self.next, rows)),
            Column::Partitions(values) => Ok(take(values, &places, None)?),
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        self.next += rows;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok((rows > 0).then_some(batch))
    }

    /// How many rows go out at once.
    fn rows(&self) -> usize {
        let places = self.places.values().get(self.next..).unwrap_or_default();
        let mut bytes = 0;
        let fitting = places.iter().take(self.batch_size).take_while(|place| {
            bytes += self.repeated[**place as usize];
            bytes <= REPEATED_BYTES
        });
        fitting.count().max(places.len().min(1))
    }
}

/// Adds to `bytes` what a copy of each of `values` takes; of lists, by how many values they have.
fn add_bytes(values: &ArrayRef, bytes: &mut [usize]) {
    let all = copied_bytes(values);
    let lengths: Vec<usize> = match values.data_type() {
        DataType::List(_) => values.as_list::<i32>().offsets().lengths().collect(),
        DataType::LargeList(_) => values.as_list::<i64>().offsets().lengths().collect(),
        DataType::Utf8 => values.as_string::<i32>().offsets().lengths().collect(),
        DataType::LargeUtf8 => values.as_string::<i64>().offsets().lengths().collect(),
        _ => vec![1; values.len()],
    };
    let of_one = all.div_ceil(lengths.iter().sum::<usize>().max(1));
    bytes.iter_mut().zip(lengths).for_each(|(bytes, length)| *bytes += of_one * length);
}
