//! Batches that hold no more memory than their rows need.

use datafusion::arrow::array::GenericByteViewArray;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, MutableArrayData, make_array};
use datafusion::arrow::datatypes::{BinaryViewType, ByteViewType, DataType, StringViewType};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// Below this many wasted bytes a copy is not worth its while.
const SLACK: usize = 4096;

/// The same rows in buffers of about their own size.
///
/// A slice keeps the whole buffer it was cut from alive, a text column after a filter all texts before it, and a
/// builder the capacity it began with. Kept for the life of a table, that would be memory for nothing.
pub(crate) fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(compact_column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

fn compact_column(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => compact_views::<StringViewType>(column, column.as_string_view()),
        DataType::BinaryView => compact_views::<BinaryViewType>(column, column.as_binary_view()),
        _ => compact_slice(column),
    }
}

fn compact_views<T: ByteViewType>(column: &ArrayRef, views: &GenericByteViewArray<T>) -> ArrayRef {
    let used = views.total_buffer_bytes_used() + views.len() * size_of::<u128>();
    match is_wasteful(column.get_buffer_memory_size(), used) {
        true => Arc::new(views.gc()),
        false => Arc::clone(column),
    }
}

fn compact_slice(column: &ArrayRef) -> ArrayRef {
    let data = column.to_data();
    // Types whose slices arrow cannot measure are kept as they are.
    let Ok(used) = data.get_slice_memory_size() else { return Arc::clone(column) };
    if !is_wasteful(data.get_buffer_memory_size(), used) {
        return Arc::clone(column);
    }
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    match copy.try_extend(0, 0, data.len()) {
        Ok(()) => make_array(copy.freeze()),
        Err(_) => Arc::clone(column),
    }
}

fn is_wasteful(held: usize, used: usize) -> bool {
    held > used.saturating_mul(2).saturating_add(SLACK)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, StringArray, StringViewArray};
    use datafusion::physical_plan::spill::get_record_batch_memory_size;

    use super::*;

    #[test]
    fn a_slice_does_not_keep_the_whole() {
        let texts: Vec<String> = (0..100_000).map(|n| format!("a text that is no inline view, number {n}")).collect();
        let whole = RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from_iter_values(0..100_000)) as ArrayRef),
            ("s", Arc::new(StringArray::from(texts.clone())) as ArrayRef),
            ("v", Arc::new(StringViewArray::from_iter_values(&texts)) as ArrayRef),
        ])
        .unwrap();
        let slice = whole.slice(500, 100);
        let small = compact(&slice).unwrap();
        assert_eq!(small, slice);
        assert!(get_record_batch_memory_size(&slice) > 10_000_000);
        assert!(get_record_batch_memory_size(&small) < 50_000);
        let same = compact(&whole).unwrap();
        assert!(Arc::ptr_eq(same.column(0), whole.column(0)), "copied for nothing");
    }
}
