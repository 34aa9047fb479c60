//! Decimals as arguments and results of closures.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, PrimitiveBuilder};
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, DecimalType};

use super::argument::{Argument, primitive};
use super::output::Output;
use crate::error::Result;

/// An exact number of `P` digits, `S` of them behind the point: `DECIMAL(P, S)`. It holds the number times 10 to the
/// power of `S`.
///
/// ```
/// use partita::{Decimal, row_function};
/// let tax = row_function("tax", |price: Decimal<12, 2>| Decimal::<12, 2>(price.0 * 19 / 100));
/// assert_eq!(tax.definitions()[0].signature(), "tax(decimal(12,2)) RETURNS decimal(12,2)");
/// assert_eq!(Decimal::<12, 2>(-1_005).to_string(), "-10.05");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal<const P: u8, const S: i8>(pub i128);

impl<const P: u8, const S: i8> fmt::Display for Decimal<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Decimal128Type::format_decimal(self.0, P, S))
    }
}

impl<const P: u8, const S: i8> Argument for Decimal<P, S> {
    type Item<'a> = Self;
    type Column = ScalarBuffer<i128>;

    fn data_type() -> Option<DataType> {
        Some(DataType::Decimal128(P, S))
    }

    fn column(array: &ArrayRef) -> Result<Self::Column> {
        primitive::<Decimal128Type>(array)
    }

    #[inline(always)]
    fn item(column: &Self::Column, row: usize) -> Result<Self, String> {
        Ok(Self(column[row]))
    }
}

impl<const P: u8, const S: i8> Output for Decimal<P, S> {
    type Builder = PrimitiveBuilder<Decimal128Type>;

    fn data_type() -> Option<DataType> {
        Some(DataType::Decimal128(P, S))
    }

    fn builder(rows: usize) -> Self::Builder {
        PrimitiveBuilder::with_capacity(rows).with_data_type(DataType::Decimal128(P, S))
    }

    fn push(self, builder: &mut Self::Builder) -> Result<(), String> {
        Decimal128Type::validate_decimal_precision(self.0, P, S).map_err(|error| error.to_string())?;
        builder.append_value(self.0);
        Ok(())
    }

    fn push_null(builder: &mut Self::Builder) {
        builder.append_null();
    }

    fn finish(mut builder: Self::Builder, _: &DataType) -> Result<ArrayRef> {
        Ok(Arc::new(builder.finish()))
    }
}
