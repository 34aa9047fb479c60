//! Functions of dates and times.

use datafusion::arrow::datatypes::DataType;
use datafusion::functions::datetime::expr_fn as datetime;

use super::{Expr, lit};

/// Functions of dates, times and instants, by [`Expr::dt`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
/// let t = || col("t").dt();
/// let numbers = [t().year(), t().quarter(), t().month(), t().week(), t().day(), t().day_of_year(), t().weekday(),
///     t().hour(), t().minute(), t().second(), t().epoch()];
/// let others = [t().date(), t().truncate("month"), t().format("%d.%m.%y")];
/// datafusion::assert_batches_eq!(
///     ["+------+---+----------+", "| year | d | text     |", "+------+---+----------+",
///      "| 2013 | 3 | 04.07.13 |", "+------+---+----------+"],
///     &frame.select([t().year().alias("year"), t().weekday().alias("d"), t().format("%d.%m.%y").alias("text")])?
///         .compute().await?
/// );
/// # assert_eq!(frame.select([numbers.as_slice(), &others].concat())?.compute().await?[0].num_columns(), 14);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Time(pub(super) Expr);

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident = $part:literal;)*) => {
        impl Time {$(
            $(#[$doc])*
            pub fn $name(self) -> Expr {
                Expr(datetime::date_part(lit($part).0, self.0.0))
            }
        )*}
    };
}
parts! {
    /// The year.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().year())?.collect_into().await?;
    /// assert_eq!(values, [(2013,)]);
    /// # Ok(()) }
    /// ```
    year = "YEAR";
    /// The quarter, 1 to 4.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().quarter())?.collect_into().await?;
    /// assert_eq!(values, [(3,)]);
    /// # Ok(()) }
    /// ```
    quarter = "QUARTER";
    /// The month, 1 to 12.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().month())?.collect_into().await?;
    /// assert_eq!(values, [(7,)]);
    /// # Ok(()) }
    /// ```
    month = "MONTH";
    /// The week of the ISO year, 1 to 53.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().week())?.collect_into().await?;
    /// assert_eq!(values, [(27,)]);
    /// # Ok(()) }
    /// ```
    week = "WEEK";
    /// The day of the month, 1 to 31.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().day())?.collect_into().await?;
    /// assert_eq!(values, [(4,)]);
    /// # Ok(()) }
    /// ```
    day = "DAY";
    /// The day of the year, 1 to 366.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().day_of_year())?.collect_into().await?;
    /// assert_eq!(values, [(185,)]);
    /// # Ok(()) }
    /// ```
    day_of_year = "DOY";
    /// The hour, 0 to 23.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().hour())?.collect_into().await?;
    /// assert_eq!(values, [(15,)]);
    /// # Ok(()) }
    /// ```
    hour = "HOUR";
    /// The minute, 0 to 59.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().minute())?.collect_into().await?;
    /// assert_eq!(values, [(30,)]);
    /// # Ok(()) }
    /// ```
    minute = "MINUTE";
    /// The second, 0 to 59.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().second())?.collect_into().await?;
    /// assert_eq!(values, [(59,)]);
    /// # Ok(()) }
    /// ```
    second = "SECOND";
    /// The seconds since the beginning of 1970.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '1970-01-02 00:00:00' AS t").await?;
    /// let values: Vec<(f64,)> = frame.select(col("t").dt().epoch())?.collect_into().await?;
    /// assert_eq!(values, [(86400.0,)]);
    /// # Ok(()) }
    /// ```
    epoch = "EPOCH";
}

impl Time {
    /// The day of the week from 0, Monday, to 6, Sunday, as in pandas.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").dt().weekday())?.collect_into().await?;
    /// assert_eq!(values, [(3,)]);
    /// # Ok(()) }
    /// ```
    pub fn weekday(self) -> Expr {
        Expr(datetime::date_part(lit("ISODOW").0, self.0.0)) - 1
    }

    /// The day of an instant.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").dt().date())?.collect_into().await?;
    /// assert_eq!(values[0].0, "2013-07-04");
    /// # Ok(()) }
    /// ```
    pub fn date(self) -> Expr {
        self.0.cast(DataType::Date32)
    }

    /// The beginning of the `year`, `quarter`, `month`, `week`, `day`, `hour`, `minute` or `second`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let value = col("t").dt().truncate("month").dt().format("%d.%m.%Y");
    /// let values: Vec<(String,)> = frame.select(value)?.collect_into().await?;
    /// assert_eq!(values[0].0, "01.07.2013");
    /// # Ok(()) }
    /// ```
    pub fn truncate(self, unit: &str) -> Expr {
        Expr(datetime::date_trunc(lit(unit).0, self.0.0))
    }

    /// As text, in a format such as `%d.%m.%Y %H:%M`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT TIMESTAMP '2013-07-04 15:30:59' AS t").await?;
    /// let values: Vec<(String,)> = frame.select(col("t").dt().format("%d.%m.%Y"))?.collect_into().await?;
    /// assert_eq!(values[0].0, "04.07.2013");
    /// # Ok(()) }
    /// ```
    pub fn format(self, format: &str) -> Expr {
        Expr(datetime::to_char(self.0.0, lit(format).0))
    }
}
