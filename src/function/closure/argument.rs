//! What a closure takes: the types of its parameters and how their values are found in columns.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};

use super::output::Output;
use crate::error::{Error, Result};

/// A type that a closure may take as an argument: integers, floats, `bool`, `&str`, `String`, `&[u8]`, `Vec<u8>`, the
/// dates and times of `chrono`, [`Decimal`](crate::Decimal), lists as `Vec`, structs as [`Fields`](crate::Fields), and
/// an `Option` of each for values that may be NULL.
///
/// ```
/// use partita::row_function;
/// let first = row_function("first", |text: &str, from: Option<i64>| text.chars().nth(from.unwrap_or(0) as usize).map(String::from));
/// assert_eq!(first.definitions()[0].signature(), "first(varchar, bigint) RETURNS varchar");
/// ```
pub trait Argument {
    /// The value of one row.
    type Item<'a>;
    /// The values of a batch.
    type Column;

    /// Whether the closure is called with NULL; otherwise NULL skips the call.
    const NULLABLE: bool = false;

    /// The type of the column; none where any struct, map or list will do.
    fn data_type() -> Option<DataType>;

    /// The values of a column of that type.
    ///
    /// Errors: a column of another type.
    fn column(array: &ArrayRef) -> Result<Self::Column>;

    /// The value of a row that is not NULL.
    ///
    /// Errors: what keeps the value from being one of this type.
    fn item(column: &Self::Column, row: usize) -> Result<Self::Item<'_>, String>;
}

/// A type that lists may hold and that the state of an aggregate may be made of.
///
/// ```
/// fn is_element<T: partita::Element>() {}
/// is_element::<Option<String>>();
/// ```
pub trait Element: Output + for<'a> Argument<Item<'a> = Self> {}

impl<T: Output + for<'a> Argument<Item<'a> = Self>> Element for T {}

pub(super) fn wrong_type(array: &ArrayRef) -> Error {
    Error::internal(format!("a column of {} came to a closure of another type", array.data_type()))
}

pub(super) fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<ScalarBuffer<T::Native>> {
    array
        .as_primitive_opt::<T>()
        .map(|array: &PrimitiveArray<T>| array.values().clone())
        .ok_or_else(|| wrong_type(array))
}

macro_rules! numbers {
    ($($native:ty => $arrow:ty),* $(,)?) => {$(
        impl Argument for $native {
            type Item<'a> = $native;
            type Column = ScalarBuffer<$native>;

            fn data_type() -> Option<DataType> {
                Some(<$arrow>::DATA_TYPE)
            }

            fn column(array: &ArrayRef) -> Result<Self::Column> {
                primitive::<$arrow>(array)
            }

            #[inline(always)]
            fn item(column: &Self::Column, row: usize) -> Result<Self::Item<'_>, String> {
                Ok(column[row])
            }
        }
    )*};
}

numbers!(
    i8 => Int8Type, i16 => Int16Type, i32 => Int32Type, i64 => Int64Type,
    u8 => UInt8Type, u16 => UInt16Type, u32 => UInt32Type, u64 => UInt64Type,
    f32 => Float32Type, f64 => Float64Type,
);

impl Argument for bool {
    type Item<'a> = bool;
    type Column = BooleanArray;

    fn data_type() -> Option<DataType> {
        Some(DataType::Boolean)
    }

    fn column(array: &ArrayRef) -> Result<Self::Column> {
        array.as_boolean_opt().cloned().ok_or_else(|| wrong_type(array))
    }

    #[inline(always)]
    fn item(column: &Self::Column, row: usize) -> Result<Self::Item<'_>, String> {
        Ok(column.value(row))
    }
}

impl<T: Argument> Argument for Option<T> {
    type Item<'a> = Option<T::Item<'a>>;
    type Column = (Option<NullBuffer>, T::Column);

    const NULLABLE: bool = true;

    fn data_type() -> Option<DataType> {
        T::data_type()
    }

    fn column(array: &ArrayRef) -> Result<Self::Column> {
        Ok((array.logical_nulls(), T::column(array)?))
    }

    #[inline(always)]
    fn item((nulls, values): &Self::Column, row: usize) -> Result<Self::Item<'_>, String> {
        match nulls {
            Some(nulls) if nulls.is_null(row) => Ok(None),
            _ => T::item(values, row).map(Some),
        }
    }
}
