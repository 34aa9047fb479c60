//! Whole queries by our operators with little memory, against the engine's own with all there is.

mod aggregates;
mod first_rows;
mod frames;
mod oracle;
mod recursions;
mod repartitions;
mod small_pool;
mod sorts;
mod wide_keys;
mod windows;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

pub(in crate::operator) use small_pool::SmallPool;

/// Each row of `batch` as text.
pub(in crate::operator) fn rows_of_batch(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap());
    let columns: Vec<_> = columns.collect();
    let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" | ");
    (0..batch.num_rows()).map(row).collect()
}
