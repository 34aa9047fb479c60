//! Lists as arguments and results of closures.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, NullBufferBuilder};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field};

use super::argument::{Argument, Element, wrong_type};
use super::output::Output;
use crate::error::Result;

/// The values of a list column, all lists behind one another.
pub struct Lists<C> {
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
    values: C,
}

fn list_of(item: Option<DataType>) -> Option<DataType> {
    Some(DataType::List(Arc::new(Field::new_list_field(item?, true))))
}

fn lists<T: Argument>(array: &ArrayRef) -> Result<Lists<T::Column>> {
    let lists = array.as_list_opt::<i32>().ok_or_else(|| wrong_type(array))?;
    let (values, nulls) = (T::column(lists.values())?, lists.values().logical_nulls());
    Ok(Lists { offsets: lists.offsets().clone(), nulls: nulls.filter(|_| !T::NULLABLE), values })
}

impl<C> Lists<C> {
    /// The places of a list's elements.
    fn places(&self, row: usize) -> Result<std::ops::Range<usize>, String> {
        let places = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        match &self.nulls {
            Some(nulls) if nulls.slice(places.start, places.len()).null_count() > 0 => {
                Err("a NULL stands in the list: take a Vec<Option<…>>".to_string())
            }
            _ => Ok(places),
        }
    }
}

/// Bytes are `Vec<u8>`: lists hold every other type.
pub trait ListElement {}

macro_rules! elements {
    ($($element:ty),*) => {$(impl ListElement for $element {})*};
}

elements!(i8, i16, i32, i64, u16, u32, u64, f32, f64, bool, String);
elements!(chrono::NaiveDate, chrono::NaiveDateTime, chrono::NaiveTime, chrono::DateTime<chrono::Utc>);
impl<const P: u8, const S: i8> ListElement for super::decimal::Decimal<P, S> {}
impl<T> ListElement for Option<T> {}
impl<T> ListElement for Vec<T> {}

impl<T: Element + ListElement> Argument for Vec<T> {
    type Item<'a> = Vec<T>;
    type Column = Lists<T::Column>;

    fn data_type() -> Option<DataType> {
        list_of(<T as Argument>::data_type())
    }

    fn column(array: &ArrayRef) -> Result<Self::Column> {
        lists::<T>(array)
    }

    fn item(column: &Self::Column, row: usize) -> Result<Vec<T>, String> {
        column.places(row)?.map(|at| T::item(&column.values, at)).collect()
    }
}

macro_rules! slices {
    ($($native:ty),*) => {$(
        /// The list where it lies, without a copy.
        impl Argument for &[$native] {
            type Item<'a> = &'a [$native];
            type Column = Lists<ScalarBuffer<$native>>;

            fn data_type() -> Option<DataType> {
                list_of(<$native as Argument>::data_type())
            }

            fn column(array: &ArrayRef) -> Result<Self::Column> {
                lists::<$native>(array)
            }

            #[inline(always)]
            fn item(column: &Self::Column, row: usize) -> Result<&[$native], String> {
                Ok(&column.values[column.places(row)?])
            }
        }
    )*};
}

slices!(i8, i16, i32, i64, u16, u32, u64, f32, f64);

/// A list column that is being built.
pub struct ListsBuilder<B> {
    values: B,
    length: usize,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl<T: Output + ListElement> Output for Vec<T> {
    type Builder = ListsBuilder<T::Builder>;

    fn data_type() -> Option<DataType> {
        list_of(T::data_type())
    }

    fn builder(rows: usize) -> Self::Builder {
        ListsBuilder { values: T::builder(rows), length: 0, offsets: vec![0], nulls: NullBufferBuilder::new(rows) }
    }

    fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
        let end = builder.length + self.len();
        let end = i32::try_from(end).map_err(|_| "the lists of a batch hold more than 2^31 elements".to_string())?;
        for element in self {
            element.push(&mut builder.values)?;
            builder.length += 1;
        }
        Vec::push(&mut builder.offsets, end);
        builder.nulls.append_non_null();
        Ok(())
    }

    fn push_null(builder: &mut Self::Builder) {
        // Elements that were added before one of their list failed lie below its NULL.
        Vec::push(&mut builder.offsets, builder.length as i32);
        builder.nulls.append_null();
    }

    fn finish(mut builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef> {
        let DataType::List(item) = data_type else {
            return Err(crate::error::Error::internal(format!("a list came out as {data_type}")));
        };
        let values = T::finish(builder.values, item.data_type())?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(builder.offsets));
        Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, builder.nulls.finish())?))
    }
}
