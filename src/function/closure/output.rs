//! What a closure gives: the types of its results and how columns are built of them.

use std::fmt::Display;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanBuilder, PrimitiveBuilder};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};

use crate::error::Result;

/// A type that a closure may give: those of [`Argument`](crate::Argument) that own what they hold, an `Option` of each
/// for NULL, and a `Result` of each, whose error ends the query with the row that caused it.
///
/// ```
/// use partita::row_function;
/// let parse = row_function("parse", |text: &str| text.parse::<i64>());
/// assert_eq!(parse.definitions()[0].returns, "bigint");
/// ```
pub trait Output: Sized {
    /// A column that is being built.
    type Builder;

    /// The type of the column; none where it has to be declared.
    fn data_type() -> Option<DataType>;

    /// An empty column with room for `rows` values.
    fn builder(rows: usize) -> Self::Builder;

    /// Adds the value.
    ///
    /// Errors: the message of a result that is an error; nothing was added then.
    fn push(self, builder: &mut Self::Builder) -> Result<(), String>;

    /// Adds NULL.
    fn push_null(builder: &mut Self::Builder);

    /// The column, of type `data_type` where that was declared.
    ///
    /// Errors: values that are not of a declared type.
    fn finish(builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef>;
}

macro_rules! numbers {
    ($($native:ty => $arrow:ty),* $(,)?) => {$(
        impl Output for $native {
            type Builder = PrimitiveBuilder<$arrow>;

            fn data_type() -> Option<DataType> {
                Some(<$arrow>::DATA_TYPE)
            }

            fn builder(rows: usize) -> Self::Builder {
                PrimitiveBuilder::with_capacity(rows)
            }

            #[inline(always)]
            fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
                builder.append_value(self);
                Ok(())
            }

            #[inline(always)]
            fn push_null(builder: &mut Self::Builder) {
                builder.append_null();
            }

            fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef> {
                Ok(Arc::new(builder.finish()))
            }
        }
    )*};
}

numbers!(
    i8 => Int8Type, i16 => Int16Type, i32 => Int32Type, i64 => Int64Type,
    u8 => UInt8Type, u16 => UInt16Type, u32 => UInt32Type, u64 => UInt64Type,
    f32 => Float32Type, f64 => Float64Type,
);

impl Output for bool {
    type Builder = BooleanBuilder;

    fn data_type() -> Option<DataType> {
        Some(DataType::Boolean)
    }

    fn builder(rows: usize) -> Self::Builder {
        BooleanBuilder::with_capacity(rows)
    }

    fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
        builder.append_value(self);
        Ok(())
    }

    fn push_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}

impl<T: Output> Output for Option<T> {
    type Builder = T::Builder;

    fn data_type() -> Option<DataType> {
        T::data_type()
    }

    fn builder(rows: usize) -> Self::Builder {
        T::builder(rows)
    }

    #[inline(always)]
    fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
        match self {
            Some(value) => value.push(builder),
            None => {
                T::push_null(builder);
                Ok(())
            }
        }
    }

    fn push_null(builder: &mut Self::Builder) {
        T::push_null(builder);
    }

    fn finish(builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef> {
        T::finish(builder, data_type)
    }
}

impl<T: Output, E: Display> Output for Result<T, E> {
    type Builder = T::Builder;

    fn data_type() -> Option<DataType> {
        T::data_type()
    }

    fn builder(rows: usize) -> Self::Builder {
        T::builder(rows)
    }

    #[inline(always)]
    fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
        match self {
            Ok(value) => value.push(builder),
            Err(error) => Err(error.to_string()),
        }
    }

    fn push_null(builder: &mut Self::Builder) {
        T::push_null(builder);
    }

    fn finish(builder: Self::Builder, data_type: &DataType) -> Result<ArrayRef> {
        T::finish(builder, data_type)
    }
}

/// The type of a result that a later word declares; until then a struct without fields.
pub(super) fn declared<O: Output>() -> DataType {
    O::data_type().unwrap_or_else(|| DataType::Struct(Vec::<datafusion::arrow::datatypes::Field>::new().into()))
}
