//! Structs, maps and lists as values that serde reads and writes.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, UInt64Type};
use datafusion::arrow::util::display::array_value_to_string;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::{Serialize, forward_to_deserialize_any};

use super::argument::Argument;
use super::output::Output;
use crate::error::Result;

/// A struct as a type of the program that serde can read or write: its fields are found by their names. Dates, times
/// and decimals come as text, in the form that a CAST to text gives.
///
/// A function that gives one has to declare its type, with [`RowFunction::returning`](crate::RowFunction::returning).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::{Fields, prelude::*};
/// #[derive(serde::Deserialize)]
/// struct Point { x: f64, y: f64 }
/// let far = row_function("far", |Fields(point): Fields<Point>| point.x.hypot(point.y));
/// let ctx = Context::builder().build()?;
/// ctx.register_function(&far)?;
/// let rows = ctx.sql("SELECT far({'x': 3.0, 'y': 4.0}) = 5.0").await?.compute().await?;
/// assert_eq!(rows[0].num_rows(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fields<T>(pub T);

impl<T: DeserializeOwned> Argument for Fields<T> {
    type Item<'a> = Self;
    type Column = ArrayRef;

    fn data_type() -> Option<DataType> {
        None
    }

    fn column(array: &ArrayRef) -> Result<Self::Column> {
        Ok(Arc::clone(array))
    }

    fn item(column: &Self::Column, row: usize) -> Result<Self, String> {
        T::deserialize(Cell { array: column, row }).map(Fields).map_err(|Unread(message)| message)
    }
}

impl<T: Serialize> Output for Fields<T> {
    type Builder = Vec<Option<T>>;

    fn data_type() -> Option<DataType> {
        None
    }

    fn builder(rows: usize) -> Self::Builder {
        Vec::with_capacity(rows)
    }

    fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
        builder.push(Some(self.0));
        Ok(())
    }

    fn push_null(builder: &mut Self::Builder) {
        builder.push(None);
    }

    fn finish(builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef> {
        let field = Field::new("result", data_type.clone(), true);
        let mut decoder =
            arrow::json::ReaderBuilder::new_with_field(field).with_batch_size(builder.len()).build_decoder()?;
        decoder.serialize(&builder)?;
        let batch = decoder.flush()?;
        Ok(batch.map_or_else(|| new_empty_array(data_type), |batch| Arc::clone(batch.column(0))))
    }
}

/// One value of a column, as serde reads it.
struct Cell<'a> {
    array: &'a ArrayRef,
    row: usize,
}

/// Why serde could not read a value.
#[derive(Debug)]
struct Unread(String);

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unread {}

impl serde::de::Error for Unread {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl From<datafusion::arrow::error::ArrowError> for Unread {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Self(error.to_string())
    }
}

impl<'de> IntoDeserializer<'de, Unread> for Cell<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Cell<'_> {
    fn is_null(&self) -> bool {
        self.array.data_type().is_null() || self.array.is_null(self.row)
    }

    /// The same value in a column of another type.
    fn cast(&self, to: &DataType) -> Result<ArrayRef, Unread> {
        Ok(cast(&self.array.slice(self.row, 1), to)?)
    }

    fn list<'de, V: Visitor<'de>>(&self, values: &ArrayRef, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_seq(SeqDeserializer::new((0..values.len()).map(|row| Cell { array: values, row })))
    }

    fn map<'de, V: Visitor<'de>>(&self, entries: &ArrayRef, visitor: V) -> Result<V::Value, Unread> {
        let Some(pairs) = entries.as_struct_opt() else { return Err(Unread("no map".into())) };
        let (keys, values) = (pairs.column(0), pairs.column(1));
        let pairs = (0..entries.len()).map(|row| (Cell { array: keys, row }, Cell { array: values, row }));
        visitor.visit_map(MapDeserializer::new(pairs))
    }
}

impl<'de> Deserializer<'de> for Cell<'_> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.is_null() {
            return visitor.visit_unit();
        }
        let Self { array, row } = self;
        match array.data_type() {
            DataType::Boolean => visitor.visit_bool(array.as_boolean().value(row)),
            kind if kind.is_signed_integer() => {
                visitor.visit_i64(self.cast(&DataType::Int64)?.as_primitive::<Int64Type>().value(0))
            }
            kind if kind.is_unsigned_integer() => {
                visitor.visit_u64(self.cast(&DataType::UInt64)?.as_primitive::<UInt64Type>().value(0))
            }
            kind if kind.is_floating() => {
                visitor.visit_f64(self.cast(&DataType::Float64)?.as_primitive::<Float64Type>().value(0))
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                visitor.visit_bytes(self.cast(&DataType::BinaryView)?.as_binary_view().value(0))
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns();
                let pairs =
                    fields.iter().zip(columns).map(|(field, array)| (field.name().as_str(), Cell { array, row }));
                visitor.visit_map(MapDeserializer::new(pairs))
            }
            DataType::List(_) => self.list(&array.as_list::<i32>().value(row), visitor),
            DataType::LargeList(_) => self.list(&array.as_list::<i64>().value(row), visitor),
            DataType::FixedSizeList(..) => self.list(&array.as_fixed_size_list().value(row), visitor),
            DataType::Map(..) => self.map(&(Arc::new(array.as_map().value(row)) as ArrayRef), visitor),
            DataType::Dictionary(_, value) => Cell { array: &self.cast(value)?, row: 0 }.deserialize_any(visitor),
            _ => visitor.visit_string(array_value_to_string(array, row)?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        visitor.visit_enum(array_value_to_string(self.array, self.row)?.into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
