//! One value of an array, as serde reads it.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowDictionaryKeyType, DataType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::nested::{Entries, Fields, Items};

/// The value in one row of an array. Integers, floats, text and bytes are read as they are; decimals, dates, times,
/// timestamps, durations and intervals as the text that SQL shows, with every digit, unless a number is asked for: a
/// float of a decimal, an integer of what arrow counts in one (days, seconds, nanoseconds …).
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    array: &'a dyn Array,
    row: usize,
}

impl<'a> Cell<'a> {
    pub(super) fn new(array: &'a dyn Array, row: usize) -> Self {
        Self { array, row }
    }

    fn is_null(&self) -> bool {
        // Of a dictionary the value behind the key may be NULL.
        self.array.is_null(self.row) || matches!(self.array.data_type(), DataType::Null)
    }

    fn text(&self) -> Result<String, Error> {
        let formatter = ArrayFormatter::try_new(self.array, &FormatOptions::new()).map_err(Error::custom)?;
        formatter.value(self.row).try_to_string().map_err(Error::custom)
    }

    /// The integer that a date, a time, a timestamp or a duration is counted in.
    fn counted(&self) -> Option<i64> {
        if !self.array.data_type().is_temporal() || matches!(self.array.data_type(), DataType::Interval(_)) {
            return None;
        }
        let one: ArrayRef = self.array.slice(self.row, 1);
        let narrow = cast(&one, &DataType::Int64).or_else(|_| cast(&cast(&one, &DataType::Int32)?, &DataType::Int64));
        Some(narrow.ok()?.as_primitive::<Int64Type>().value(0))
    }

    fn struct_array(&self) -> Option<&'a StructArray> {
        self.array.as_struct_opt()
    }
}

/// The value that a key of a dictionary stands for.
fn dictionary_value<'a, K: ArrowDictionaryKeyType>(array: &'a DictionaryArray<K>, row: usize) -> Option<Cell<'a>> {
    Some(Cell::new(array.values().as_ref(), array.key(row)?))
}

/// Goes on with the value of a dictionary, whatever its keys.
macro_rules! through_dictionary {
    ($cell:expr, $key:expr, $($variant:ident => $type:ty),*) => {
        match $key {
            $(DataType::$variant => dictionary_value::<$type>($cell.array.as_dictionary(), $cell.row),)*
            _ => None,
        }
    };
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        use DataType as T;
        let (array, row) = (self.array, self.row);
        if self.is_null() {
            return visitor.visit_unit();
        }
        match array.data_type() {
            T::Boolean => visitor.visit_bool(array.as_boolean().value(row)),
            T::Int8 => visitor.visit_i8(array.as_primitive::<Int8Type>().value(row)),
            T::Int16 => visitor.visit_i16(array.as_primitive::<Int16Type>().value(row)),
            T::Int32 => visitor.visit_i32(array.as_primitive::<Int32Type>().value(row)),
            T::Int64 => visitor.visit_i64(array.as_primitive::<Int64Type>().value(row)),
            T::UInt8 => visitor.visit_u8(array.as_primitive::<UInt8Type>().value(row)),
            T::UInt16 => visitor.visit_u16(array.as_primitive::<UInt16Type>().value(row)),
            T::UInt32 => visitor.visit_u32(array.as_primitive::<UInt32Type>().value(row)),
            T::UInt64 => visitor.visit_u64(array.as_primitive::<UInt64Type>().value(row)),
            T::Float16 => visitor.visit_f32(array.as_primitive::<Float16Type>().value(row).to_f32()),
            T::Float32 => visitor.visit_f32(array.as_primitive::<Float32Type>().value(row)),
            T::Float64 => visitor.visit_f64(array.as_primitive::<Float64Type>().value(row)),
            T::Utf8 => visitor.visit_str(array.as_string::<i32>().value(row)),
            T::LargeUtf8 => visitor.visit_str(array.as_string::<i64>().value(row)),
            T::Utf8View => visitor.visit_str(array.as_string_view().value(row)),
            T::Binary => visitor.visit_bytes(array.as_binary::<i32>().value(row)),
            T::LargeBinary => visitor.visit_bytes(array.as_binary::<i64>().value(row)),
            T::BinaryView => visitor.visit_bytes(array.as_binary_view().value(row)),
            T::FixedSizeBinary(_) => visitor.visit_bytes(array.as_fixed_size_binary().value(row)),
            T::List(_) => visitor.visit_seq(Items::new(array.as_list::<i32>().value(row))),
            T::LargeList(_) => visitor.visit_seq(Items::new(array.as_list::<i64>().value(row))),
            T::ListView(_) => visitor.visit_seq(Items::new(array.as_list_view::<i32>().value(row))),
            T::LargeListView(_) => visitor.visit_seq(Items::new(array.as_list_view::<i64>().value(row))),
            T::FixedSizeList(..) => visitor.visit_seq(Items::new(array.as_fixed_size_list().value(row))),
            T::Struct(_) => visitor.visit_map(Fields::new(array.as_struct(), row)),
            T::Map(..) => visitor.visit_map(Entries::new(array.as_map().value(row))),
            T::Dictionary(key, _) => {
                let value = through_dictionary!(self, key.as_ref(), Int8 => Int8Type, Int16 => Int16Type,
                    Int32 => Int32Type, Int64 => Int64Type, UInt8 => UInt8Type, UInt16 => UInt16Type,
                    UInt32 => UInt32Type, UInt64 => UInt64Type);
                match value {
                    Some(value) => value.deserialize_any(visitor),
                    None => visitor.visit_unit(),
                }
            }
            _ => visitor.visit_string(self.text()?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() || self.array.logical_nulls().is_some_and(|nulls| nulls.is_null(self.row)) {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.array.data_type().is_decimal() && !self.is_null() {
            true => visitor.visit_f64(self.text()?.parse().map_err(Error::custom)?),
            false => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.counted() {
            Some(number) if !self.is_null() => visitor.visit_i64(number),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_i64(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        match self.struct_array() {
            Some(fields) if !self.is_null() => visitor.visit_seq(Fields::new(fields, self.row)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    /// A variant without a value, by its name.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.is_null() {
            return Err(Error::custom("it is NULL"));
        }
        visitor.visit_enum(self.text()?.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct seq map struct identifier
        ignored_any
    }
}
