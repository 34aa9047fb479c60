//! Rows without the memory of their neighbours.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, ArrayRef, AsArray, make_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

/// The same values in buffers of their own.
///
/// A selection of rows of a view array (`Utf8View`, `BinaryView`, also inside lists and structs) or of a dictionary
/// refers to all the values of the rows it was selected from, which would be written to disk with every partition.
pub(in crate::operator) fn compact(array: ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Utf8View => Ok(Arc::new(array.as_string_view().gc())),
        DataType::BinaryView => Ok(Arc::new(array.as_binary_view().gc())),
        DataType::Dictionary(_, values) if array.as_any_dictionary().values().len() > array.len() => {
            // Values that cannot be packed into a dictionary again stay in the one they are in.
            let packed = cast(&array, values).and_then(|plain| cast(&plain, array.data_type()));
            Ok(packed.unwrap_or(array))
        }
        nested if has_views(nested) => Ok(make_array(compact_children(array.to_data())?)),
        _ => Ok(array),
    }
}

fn compact_children(data: ArrayData) -> Result<ArrayData> {
    let children = data.child_data().iter().map(|child| Ok(compact(make_array(child.clone()))?.to_data()));
    let children = children.collect::<Result<Vec<_>>>()?;
    Ok(data.into_builder().child_data(children).build()?)
}

fn has_views(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8View | DataType::BinaryView => true,
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => has_views(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_views(field.data_type())),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| has_views(field.data_type())),
        DataType::Dictionary(_, values) => has_views(values),
        DataType::RunEndEncoded(_, values) => has_views(values.data_type()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{DictionaryArray, ListArray, StringViewArray};
    use datafusion::arrow::buffer::OffsetBuffer;
    use datafusion::arrow::datatypes::{Field, Int32Type};

    use super::*;

    fn words() -> StringViewArray {
        (0..1000).map(|i| Some(format!("a word that is too long to be inline, number {i}"))).collect()
    }

    #[test]
    fn a_slice_lets_go_of_the_rest() {
        let slice: ArrayRef = Arc::new(words().slice(10, 2));
        let small = compact(Arc::clone(&slice)).unwrap();
        assert_eq!(&small, &slice);
        assert!(small.get_buffer_memory_size() < slice.get_buffer_memory_size() / 100);
    }

    #[test]
    fn a_dictionary_keeps_what_is_used() {
        let words: Vec<_> = (0..1000).map(|i| format!("word {i}")).collect();
        let dictionary: DictionaryArray<Int32Type> = words.iter().map(|word| Some(word.as_str())).collect();
        let slice: ArrayRef = Arc::new(dictionary.slice(10, 2));
        let small = compact(Arc::clone(&slice)).unwrap();
        assert_eq!(small.as_any_dictionary().values().len(), 2);
        assert_eq!(&cast(&small, &DataType::Utf8).unwrap(), &cast(&slice, &DataType::Utf8).unwrap());
    }

    #[test]
    fn lists_let_go_too() {
        let field = Arc::new(Field::new("item", DataType::Utf8View, true));
        let list = ListArray::new(field, OffsetBuffer::from_lengths([1, 1]), Arc::new(words().slice(5, 2)), None);
        let small = compact(Arc::new(list.clone())).unwrap();
        assert_eq!(small.as_list::<i32>(), &list);
        assert!(small.get_buffer_memory_size() < list.get_buffer_memory_size() / 100);
    }
}
