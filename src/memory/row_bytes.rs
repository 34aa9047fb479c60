//! How many bytes rows have, whatever they lie in.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;

/// What a column of a batch takes beside its values, in bytes, about: an array, its type and its buffers. Where a batch
/// has few rows and many columns, that is more than its rows.
pub(crate) const COLUMN: usize = 256;

/// What an allocation takes beside its bytes, about.
pub(crate) const ALLOCATION: usize = 16;

/// What a batch holds in memory, with buffers that it may share.
pub(crate) fn held_bytes(batch: &RecordBatch) -> usize {
    get_record_batch_memory_size(batch) + batch.num_columns() * COLUMN
}

/// What a copy of the rows of `array` takes: of views, the views alone.
pub(crate) fn copied_bytes(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View | DataType::BinaryView => 16 * array.len() + array.len().div_ceil(8),
        _ => array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size()),
    }
}

/// What the rows of `batch` take in buffers of their own, texts included.
pub(crate) fn row_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(bytes_of).sum()
}

/// Of a dictionary, as much of the values as there are rows.
fn bytes_of(column: &ArrayRef) -> usize {
    let of_list = |values: &ArrayRef, offsets: &[i64]| match offsets {
        [first, .., last] => 8 * offsets.len() + bytes_of(&values.slice(*first as usize, (last - first) as usize)),
        _ => 0,
    };
    match column.data_type() {
        DataType::Utf8View => copied_bytes(column) + column.as_string_view().total_buffer_bytes_used(),
        DataType::BinaryView => copied_bytes(column) + column.as_binary_view().total_buffer_bytes_used(),
        DataType::Struct(_) => column.as_struct().columns().iter().map(bytes_of).sum(),
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            of_list(list.values(), &list.value_offsets().iter().map(|offset| i64::from(*offset)).collect::<Vec<_>>())
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            of_list(list.values(), list.value_offsets())
        }
        DataType::Map(..) => {
            let map = column.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            of_list(&entries, &map.value_offsets().iter().map(|offset| i64::from(*offset)).collect::<Vec<_>>())
        }
        DataType::FixedSizeList(_, size) => {
            let values = column.as_fixed_size_list().values();
            bytes_of(values) / values.len().max(1) * column.len() * usize::try_from(*size).unwrap_or(0)
        }
        DataType::Union(..) => column.get_array_memory_size(),
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let (rows, values) = (column.len(), dictionary.values());
            8 * rows + bytes_of(values) / values.len().max(1) * rows.min(values.len())
        }
        _ => copied_bytes(column),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ListBuilder, StringDictionaryBuilder, StringViewBuilder, StructArray};
    use datafusion::arrow::datatypes::{Field, Int32Type};

    use super::*;

    /// Lists of texts of 100 kB each counted as a few bytes each.
    #[test]
    fn texts_in_lists_and_structs_count_and_those_of_neighbours_do_not() {
        let text = "x".repeat(1_000);
        let mut lists = ListBuilder::new(StringViewBuilder::new());
        (0..100).for_each(|_| {
            lists.append_value([Some(&text), Some(&text)]);
        });
        let lists: ArrayRef = Arc::new(lists.finish());
        let item = Arc::new(Field::new("l", lists.data_type().clone(), true));
        let structs: ArrayRef = Arc::new(StructArray::from(vec![(item, Arc::clone(&lists))]));
        for column in [&lists, &structs] {
            assert!((200_000..220_000).contains(&bytes_of(column)), "{}", bytes_of(column));
            assert!((20_000..22_000).contains(&bytes_of(&column.slice(50, 10))), "{}", bytes_of(&column.slice(50, 10)));
        }
        let mut names = StringDictionaryBuilder::<Int32Type>::new();
        (0..1_000).for_each(|name| names.append_value(format!("{name:0>100}")));
        let names: ArrayRef = Arc::new(names.finish());
        assert!((1_000..2_000).contains(&bytes_of(&names.slice(0, 10))), "{}", bytes_of(&names.slice(0, 10)));
        assert!(bytes_of(&names) > 100_000);
    }
}
