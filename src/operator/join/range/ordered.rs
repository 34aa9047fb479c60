//! Values in a form that is compared fast.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;

/// The values of some rows. Those that one [`OrderedReader`] has read can be compared with one another.
pub(super) enum Ordered {
    /// Numbers, dates and times as numbers of one kind.
    Numbers(Vec<u128>),
    /// Anything, in arrow's row format.
    Bytes(Rows),
}

impl Ordered {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Bytes(rows) => rows.num_rows(),
        }
    }

    /// How the value in `row` is to the one in `other_row` of `other`.
    pub(super) fn compare(&self, row: usize, other: &Self, other_row: usize) -> Ordering {
        match (self, other) {
            (Self::Numbers(numbers), Self::Numbers(others)) => numbers[row].cmp(&others[other_row]),
            (Self::Bytes(rows), Self::Bytes(others)) => rows.row(row).cmp(&others.row(other_row)),
            // One reader has read both.
            _ => Ordering::Equal,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Numbers(numbers) => size_of_val(numbers.as_slice()),
            Self::Bytes(rows) => rows.size(),
        }
    }
}

/// Reads values of one type in one order.
pub(super) struct OrderedReader {
    descending: bool,
    /// None where values are read as numbers.
    converter: Option<RowConverter>,
}

impl OrderedReader {
    /// For all that has the type of `held`, which has NULLs itself if anything has that finds a place by its value.
    pub(super) fn new(held: &ArrayRef, options: SortOptions) -> Result<Self> {
        let field = SortField::new_with_options(held.data_type().clone(), options);
        let is_number = sign_of(held.data_type()).is_some() && held.logical_null_count() == 0;
        let converter = if is_number { None } else { Some(RowConverter::new(vec![field])?) };
        Ok(Self { descending: options.descending, converter })
    }

    pub(super) fn read(&self, values: ArrayRef) -> Result<Ordered> {
        match &self.converter {
            Some(converter) => Ok(Ordered::Bytes(converter.convert_columns(&[values])?)),
            None => Ok(Ordered::Numbers(self.numbers(&values))),
        }
    }

    fn numbers(&self, values: &ArrayRef) -> Vec<u128> {
        let (data, sign) = (values.to_data(), sign_of(values.data_type()).unwrap_or(Sign::None));
        let numbers = match values.data_type().primitive_width() {
            Some(1) => widened(data.buffer::<u8>(0), sign),
            Some(2) => widened(data.buffer::<u16>(0), sign),
            Some(4) => widened(data.buffer::<u32>(0), sign),
            Some(8) => widened(data.buffer::<u64>(0), sign),
            _ => widened(data.buffer::<u128>(0), sign),
        };
        let numbers = numbers.take(values.len());
        if self.descending { numbers.map(|number| !number).collect() } else { numbers.collect() }
    }
}

/// How a number says that it is negative.
#[derive(Clone, Copy)]
enum Sign {
    None,
    TwosComplement,
    /// By its first bit; the others are larger the further it is from zero.
    Float,
}

/// None for what is not read as a number.
fn sign_of(data_type: &DataType) -> Option<Sign> {
    match data_type {
        DataType::Decimal256(..) | DataType::Interval(_) => None,
        other if other.is_unsigned_integer() => Some(Sign::None),
        other if other.is_floating() => Some(Sign::Float),
        other => other.is_primitive().then_some(Sign::TwosComplement),
    }
}

/// Numbers without a sign, in the order of `values`.
fn widened<V: Copy + Into<u128>>(values: &[V], sign: Sign) -> Box<dyn Iterator<Item = u128> + '_> {
    let first_bit = 1u128 << (8 * size_of::<V>() - 1);
    let values = values.iter().map(|value| (*value).into());
    match sign {
        Sign::None => Box::new(values),
        Sign::TwosComplement => Box::new(values.map(move |bits| bits ^ first_bit)),
        Sign::Float => {
            let mirror = first_bit | (first_bit - 1);
            Box::new(values.map(move |bits| if bits & first_bit == 0 { bits | first_bit } else { bits ^ mirror }))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Decimal128Array, Float32Array, Int8Array, Int64Array, TimestampSecondArray};
    use datafusion::arrow::array::{StringArray, UInt16Array};
    use datafusion::arrow::compute::sort;

    use super::*;

    /// In both orders, values compare as arrow sorts them.
    #[test]
    fn values_compare_as_they_are_sorted() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int8Array::from(vec![3, -128, 127, 0, -1])),
            Arc::new(UInt16Array::from(vec![3, 65535, 0, 7])),
            Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX, -1, 0, 1])),
            Arc::new(Int64Array::from(vec![Some(4), None, Some(-4)])),
            Arc::new(TimestampSecondArray::from(vec![-5, 5, 0])),
            Arc::new(Decimal128Array::from(vec![i128::MIN, i128::MAX, -7, 0, 7])),
            Arc::new(Float32Array::from(vec![0.5, -0.5, inf, -inf, nan, 0.0, f32::MIN_POSITIVE])),
            Arc::new(StringArray::from(vec!["b", "", "ab"])),
        ];
        for (array, descending) in arrays.iter().flat_map(|array| [(array, false), (array, true)]) {
            let options = SortOptions { descending, nulls_first: false };
            let reader = OrderedReader::new(array, options).unwrap();
            let values = reader.read(sort(array, Some(options)).unwrap()).unwrap();
            let rises = |row: usize| values.compare(row - 1, &values, row).is_lt();
            assert!((1..values.len()).all(rises), "{array:?} {descending}");
        }
    }

    #[test]
    fn a_slice_is_read_from_its_beginning() {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![9, 1, 2, 9]));
        let reader = OrderedReader::new(&array, SortOptions::default()).unwrap();
        let (all, slice) = (reader.read(Arc::clone(&array)).unwrap(), reader.read(array.slice(1, 2)).unwrap());
        assert_eq!(slice.len(), 2);
        assert!(slice.compare(0, &all, 1).is_eq() && slice.compare(1, &all, 2).is_eq());
    }
}
