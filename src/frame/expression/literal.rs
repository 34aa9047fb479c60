//! Rust values as literals.

use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::logical_expr::Expr as Engine;
use datafusion::scalar::ScalarValue;

use super::Expr;
use crate::error::{Error, Result};

/// A literal: a number, a truth value, text, NULL for `None`, or a `ScalarValue` of the engine.
///
/// It has the type that SQL gives it: BIGINT for whole numbers of every Rust type, DOUBLE for others, VARCHAR. Where an
/// expression is asked for, the plain value does as well.
///
/// ```
/// use partita::prelude::*;
/// assert_eq!(col("a").eq("x"), col("a").eq(lit("x")));
/// assert_eq!(lit(1_u8), lit(1_i64));
/// assert_eq!(lit(None::<i32>).to_string(), "NULL");
/// ```
pub fn lit(value: impl Into<Expr>) -> Expr {
    value.into()
}

/// A date, written `2013-01-31`.
///
/// Errors: text that is no date.
///
/// ```
/// use partita::prelude::*;
/// let january = col("day").between(date("2013-01-01")?, date("2013-01-31")?);
/// let a_month_later = date("2013-01-31")? + interval("1 month")?;
/// let noon = timestamp("2013-01-31 12:00:00")?;
/// assert!(date("2013-13-31").is_err() && interval("soon").is_err());
/// # Ok::<(), partita::Error>(())
/// ```
pub fn date(text: &str) -> Result<Expr> {
    parsed(text, DataType::Date32, "date", "2013-01-31")
}

/// An instant without a time zone, written `2013-01-31 12:30:00`.
///
/// Errors: text that is none. See [`date`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT TIMESTAMP '2013-01-31 15:00:00' AS at").await?;
/// let afternoon = frame.filter(col("at").gt(timestamp("2013-01-31 12:00:00")?))?;
/// assert_eq!(afternoon.count().await?, 1);
/// # Ok(()) }
/// ```
pub fn timestamp(text: &str) -> Result<Expr> {
    parsed(text, DataType::Timestamp(TimeUnit::Nanosecond, None), "timestamp", "2013-01-31 12:30:00")
}

/// A length of time, written `3 months`, `1 day 2 hours` or `90 seconds`.
///
/// Errors: text that is none. See [`date`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT DATE '2013-01-31' AS day").await?;
/// let later = col("day") + interval("1 month")?;
/// let values: Vec<(i64,)> = frame.select(later.dt().day())?.collect_into().await?;
/// assert_eq!(values, [(28,)]);
/// # Ok(()) }
/// ```
pub fn interval(text: &str) -> Result<Expr> {
    parsed(text, DataType::Interval(IntervalUnit::MonthDayNano), "interval", "3 months")
}

fn parsed(text: &str, kind: DataType, name: &str, like: &str) -> Result<Expr> {
    match ScalarValue::from(text).cast_to(&kind) {
        Ok(value) if !value.is_null() => Ok(value.into()),
        _ => Err(Error::user(format!("'{text}' is no {name}")).with_hint(format!("write it like '{like}'"))),
    }
}

impl From<ScalarValue> for Expr {
    fn from(value: ScalarValue) -> Self {
        Self(Engine::Literal(value, None))
    }
}

macro_rules! literal {
    ($($rust:ty => $scalar:ident as $kind:ty),*) => {$(
        impl From<$rust> for Expr {
            fn from(value: $rust) -> Self {
                ScalarValue::$scalar(Some(<$kind>::from(value))).into()
            }
        }
    )*};
}
literal!(i8 => Int64 as i64, i16 => Int64 as i64, i32 => Int64 as i64, i64 => Int64 as i64);
literal!(u8 => Int64 as i64, u16 => Int64 as i64, u32 => Int64 as i64);
literal!(f32 => Float64 as f64, f64 => Float64 as f64, bool => Boolean as bool);
literal!(&str => Utf8 as String, String => Utf8 as String, &String => Utf8 as String);

/// BIGINT where it fits, as SQL reads it.
impl From<u64> for Expr {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(value) => value.into(),
            Err(_) => ScalarValue::UInt64(Some(value)).into(),
        }
    }
}

impl From<usize> for Expr {
    fn from(value: usize) -> Self {
        (value as u64).into()
    }
}

impl From<&Expr> for Expr {
    fn from(expr: &Expr) -> Self {
        expr.clone()
    }
}

impl<T: Into<Expr>> From<Option<T>> for Expr {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(|| ScalarValue::Null.into(), T::into)
    }
}
