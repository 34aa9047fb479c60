//! Text and bytes as arguments and results of closures.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, StringViewArray, StringViewBuilder,
};
use datafusion::arrow::datatypes::DataType;

use super::argument::{Argument, wrong_type};
use super::output::Output;
use crate::error::Result;

macro_rules! arguments {
    ($($taken:ty, $item:ty, $column:ty, $view:ident, $as:ident;)*) => {$(
        impl Argument for $taken {
            type Item<'a> = $item;
            type Column = $column;

            fn data_type() -> Option<DataType> {
                Some(DataType::$view)
            }

            fn column(array: &ArrayRef) -> Result<Self::Column> {
                array.$as().cloned().ok_or_else(|| wrong_type(array))
            }

            #[inline(always)]
            fn item(column: &Self::Column, row: usize) -> Result<Self::Item<'_>, String> {
                Ok(column.value(row).into())
            }
        }
    )*};
}

arguments! {
    &str, &'a str, StringViewArray, Utf8View, as_string_view_opt;
    String, String, StringViewArray, Utf8View, as_string_view_opt;
    &[u8], &'a [u8], BinaryViewArray, BinaryView, as_binary_view_opt;
    Vec<u8>, Vec<u8>, BinaryViewArray, BinaryView, as_binary_view_opt;
}

macro_rules! outputs {
    ($($given:ty, $builder:ty, $view:ident;)*) => {$(
        impl Output for $given {
            type Builder = $builder;

            fn data_type() -> Option<DataType> {
                Some(DataType::$view)
            }

            fn builder(rows: usize) -> Self::Builder {
                <$builder>::with_capacity(rows)
            }

            #[inline(always)]
            fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
                builder.try_append_value(self).map_err(|error| error.to_string())
            }

            fn push_null(builder: &mut Self::Builder) {
                builder.append_null();
            }

            fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef> {
                Ok(Arc::new(builder.finish()))
            }
        }
    )*};
}

outputs! {
    &'static str, StringViewBuilder, Utf8View;
    String, StringViewBuilder, Utf8View;
    Vec<u8>, BinaryViewBuilder, BinaryView;
}
