//! Functions of numbers, and functions of several values.

use datafusion::functions::core::expr_fn as core;
use datafusion::functions::math::expr_fn as engine;
use datafusion::functions::string::expr_fn as string;

use super::{Expr, IntoColumns, engines, lit, when};

/// Functions of numbers, and of values that may be missing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let x = || col("value") - 1;
/// let whole = [x().abs(), x().sign(), x().clip(0, 1), x().null_if(0), x().null_if(0).fill_null(7)];
/// let real = [x().exp(), x().exp().ln(), (x() + 2).log10(), (x() + 2).sqrt(), x().power(2)];
/// let rounded = [(x() / 3.0).round(1), (x() / 3.0).floor(), (x() / 3.0).ceil(), (x() / 0.0).is_nan()];
/// let frame = ctx.range(0..3)?.select([whole.as_slice(), &real, &rounded].concat())?;
/// assert_eq!(frame.compute().await?[0].num_columns(), 14);
/// # Ok(()) }
/// ```
impl Expr {
    /// The distance from zero.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT -5 AS n").await?;
    /// let values: Vec<(i64,)> = frame.select(col("n").abs())?.collect_into().await?;
    /// assert_eq!(values, [(5,)]);
    /// # Ok(()) }
    /// ```
    pub fn abs(self) -> Self {
        Self(engine::abs(self.0))
    }

    /// -1, 0 or 1.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT -5 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").sign())?.collect_into().await?;
    /// assert_eq!(values, [(-1.0,)]);
    /// # Ok(()) }
    /// ```
    pub fn sign(self) -> Self {
        Self(engine::signum(self.0))
    }

    /// Rounded to so many digits behind the point, halves away from zero; negative: before the point.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 2.25 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").round(1))?.collect_into().await?;
    /// assert_eq!(values, [(2.3,)]);
    /// # Ok(()) }
    /// ```
    pub fn round(self, digits: i64) -> Self {
        Self(engine::round(vec![self.0, lit(digits).0]))
    }

    /// The next whole number below.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 2.7 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").floor())?.collect_into().await?;
    /// assert_eq!(values, [(2.0,)]);
    /// # Ok(()) }
    /// ```
    pub fn floor(self) -> Self {
        Self(engine::floor(self.0))
    }

    /// The next whole number above.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 2.2 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").ceil())?.collect_into().await?;
    /// assert_eq!(values, [(3.0,)]);
    /// # Ok(()) }
    /// ```
    pub fn ceil(self) -> Self {
        Self(engine::ceil(self.0))
    }

    /// At least `low` and at most `high`: the nearest value between. NULL stays.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 7 AS n").await?;
    /// let values: Vec<(i64,)> = frame.select(col("n").clip(0, 5))?.collect_into().await?;
    /// assert_eq!(values, [(5,)]);
    /// # Ok(()) }
    /// ```
    pub fn clip(self, low: impl Into<Self>, high: impl Into<Self>) -> Self {
        let (low, high) = (low.into(), high.into());
        when(self.clone().lt(low.clone())).then(low).when(self.clone().gt(high.clone())).then(high).otherwise(self)
    }

    /// The square root.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 9 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").sqrt())?.collect_into().await?;
    /// assert_eq!(values, [(3.0,)]);
    /// # Ok(()) }
    /// ```
    pub fn sqrt(self) -> Self {
        Self(engine::sqrt(self.0))
    }

    /// Raised to a power.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 9 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").power(2))?.collect_into().await?;
    /// assert_eq!(values, [(81.0,)]);
    /// # Ok(()) }
    /// ```
    pub fn power(self, exponent: impl Into<Self>) -> Self {
        Self(engine::power(self.0, exponent.into().0))
    }

    /// e raised to the value.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 0 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").exp())?.collect_into().await?;
    /// assert_eq!(values, [(1.0,)]);
    /// # Ok(()) }
    /// ```
    pub fn exp(self) -> Self {
        Self(engine::exp(self.0))
    }

    /// The natural logarithm.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 1 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").ln())?.collect_into().await?;
    /// assert_eq!(values, [(0.0,)]);
    /// # Ok(()) }
    /// ```
    pub fn ln(self) -> Self {
        Self(engine::ln(self.0))
    }

    /// The logarithm to base 10.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 100 AS n").await?;
    /// let values: Vec<(f64,)> = frame.select(col("n").log10())?.collect_into().await?;
    /// assert_eq!(values, [(2.0,)]);
    /// # Ok(()) }
    /// ```
    pub fn log10(self) -> Self {
        Self(engine::log10(self.0))
    }

    /// Whether a float is no number. NaN is no NULL here.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..1)?;
    /// let values: Vec<(bool,)> = frame.select((col("value") / 0.0).is_nan())?.collect_into().await?;
    /// assert_eq!(values, [(true,)]);
    /// # Ok(()) }
    /// ```
    pub fn is_nan(self) -> Self {
        Self(engine::isnan(self.0))
    }

    /// Another value where this one is NULL.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT CAST(NULL AS BIGINT) AS n").await?;
    /// let values: Vec<(i64,)> = frame.select(col("n").fill_null(0))?.collect_into().await?;
    /// assert_eq!(values, [(0,)]);
    /// # Ok(()) }
    /// ```
    pub fn fill_null(self, value: impl Into<Self>) -> Self {
        coalesce([self, value.into()])
    }

    /// NULL where the value equals another.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 7 AS n").await?;
    /// let values: Vec<(Option<i64>,)> = frame.select(col("n").null_if(7))?.collect_into().await?;
    /// assert_eq!(values, [(None,)]);
    /// # Ok(()) }
    /// ```
    pub fn null_if(self, value: impl Into<Self>) -> Self {
        Self(core::nullif(self.0, value.into().0))
    }
}

/// The first value that is not NULL.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT 1 AS a, NULL AS b, 3 AS c").await?;
/// let of_three = [coalesce(["b", "c"]), greatest(["a", "b", "c"]), least(["a", "b", "c"]), concat(["a", "b", "c"])];
/// datafusion::assert_batches_eq!(
///     ["+---+---+---+----+", "| w | x | y | z  |", "+---+---+---+----+", "| 3 | 3 | 1 | 13 |", "+---+---+---+----+"],
///     &frame.select(of_three.into_iter().zip(["w", "x", "y", "z"]).map(|(e, n)| e.alias(n)).collect::<Vec<_>>())?
///         .compute().await?
/// );
/// # Ok(()) }
/// ```
pub fn coalesce(columns: impl IntoColumns) -> Expr {
    Expr(core::coalesce(engines(columns.into_columns())))
}

/// The greatest of several values of a row, NULLs left out; see [`coalesce`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT 1 AS a, 3 AS b").await?;
/// let values: Vec<(i64,)> = frame.select(greatest(["a", "b"]))?.collect_into().await?;
/// assert_eq!(values, [(3,)]);
/// # Ok(()) }
/// ```
pub fn greatest(columns: impl IntoColumns) -> Expr {
    Expr(core::greatest(engines(columns.into_columns())))
}

/// The least of several values of a row, NULLs left out; see [`coalesce`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT 1 AS a, 3 AS b").await?;
/// let values: Vec<(i64,)> = frame.select(least(["a", "b"]))?.collect_into().await?;
/// assert_eq!(values, [(1,)]);
/// # Ok(()) }
/// ```
pub fn least(columns: impl IntoColumns) -> Expr {
    Expr(core::least(engines(columns.into_columns())))
}

/// The texts of several values of a row behind one another, NULLs left out; see [`coalesce`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT 'x' AS a, 'y' AS b").await?;
/// let values: Vec<(String,)> = frame.select(concat(["a", "b"]))?.collect_into().await?;
/// assert_eq!(values[0].0, "xy");
/// # Ok(()) }
/// ```
pub fn concat(columns: impl IntoColumns) -> Expr {
    Expr(string::concat(engines(columns.into_columns())))
}
