//! How many bytes rows have, whatever they lie in.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;

/// What a copy of the rows of `array` takes: of views, the views alone.
pub(crate) fn copied_bytes(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View | DataType::BinaryView => 16 * array.len() + array.len().div_ceil(8),
        _ => array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size()),
    }
}

/// What the rows of `batch` take in buffers of their own, texts included.
pub(crate) fn row_bytes(batch: &RecordBatch) -> usize {
    let texts = |column: &ArrayRef| match column.data_type() {
        DataType::Utf8View => column.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => column.as_binary_view().total_buffer_bytes_used(),
        _ => 0,
    };
    batch.columns().iter().map(|column| copied_bytes(column) + texts(column)).sum()
}
