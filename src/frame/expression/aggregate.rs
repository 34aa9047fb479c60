//! Functions of many rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::functions_aggregate::{expr_fn as engine, first_last, string_agg};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{AggregateUDF, Expr as Engine, cast};

use super::order::sorts;
use super::{Expr, IntoColumn, IntoOrders};

macro_rules! aggregates {
    ($($(#[$doc:meta])* $name:ident = $function:path;)*) => {$(
        $(#[$doc])*
        pub fn $name(column: impl IntoColumn) -> Expr {
            Expr($function(column.into_column().0))
        }
    )*};
}

aggregates! {
    /// The sum; NULL of no values. An overflow is an error of the run.
    ///
    /// Aggregates leave NULLs out. They stand in [`Frame::agg`] and [`GroupBy::agg`], may be combined by operators, and
    /// become values of every row by [`Expr::over`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// use partita::prelude::*;
    /// let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..10)?.with_column("odd", (col("value") % 2).eq(1))?;
    /// let value = || col("value");
    /// let spread = (max(value()) - min(value())).alias("spread");
    /// let all = frame.agg([sum("value"), mean("value"), median("value"), std("value"), var("value"), spread])?;
    /// let counts = [count("value"), count_distinct("odd"), approx_count_distinct("value"), count_rows()];
    /// let lists = [collect_list("value", ()), join_text("odd", ", ", "value")];
    /// let which = [first("value", value().descending()), last("value", "odd"), any_true("odd"), all_true("odd")];
    /// let shares = [quantile("value", 0.9), approx_quantile("value", 0.9), corr("value", value() * 2)];
    /// let more = frame.group_by("odd")?.agg([counts.as_slice(), &lists, &which, &shares].concat())?;
    /// assert_eq!(more.compute().await?.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    /// let odd_sum = sum("value").filter(col("odd")).alias("odd_sum");
    /// assert_eq!(frame.agg([odd_sum])?.columns(), ["odd_sum"]);
    /// # Ok(()) }
    /// ```
    ///
    /// [`Frame::agg`]: crate::Frame::agg
    /// [`GroupBy::agg`]: crate::GroupBy::agg
    sum = engine::sum;
    /// The arithmetic mean, SQL's `avg`; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..5)?;
    /// let values: Vec<(f64,)> = frame.agg(mean("value"))?.collect_into().await?;
    /// assert_eq!(values, [(2.5,)]);
    /// # Ok(()) }
    /// ```
    mean = engine::avg;
    /// The middle value, of an even number of values the mean of both; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES (1.0), (2.0), (4.0), (9.0)) AS t (x)").await?;
    /// let values: Vec<(f64,)> = frame.agg(median("x"))?.collect_into().await?;
    /// assert_eq!(values, [(3.0,)]);
    /// # Ok(()) }
    /// ```
    median = engine::median;
    /// The least value; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(3..6)?;
    /// let values: Vec<(i64,)> = frame.agg(min("value"))?.collect_into().await?;
    /// assert_eq!(values, [(3,)]);
    /// # Ok(()) }
    /// ```
    min = engine::min;
    /// The greatest value; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(3..6)?;
    /// let values: Vec<(i64,)> = frame.agg(max("value"))?.collect_into().await?;
    /// assert_eq!(values, [(5,)]);
    /// # Ok(()) }
    /// ```
    max = engine::max;
    /// The number of values that are not NULL; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES (1), (NULL), (3)) AS t (n)").await?;
    /// let values: Vec<(i64,)> = frame.agg(count("n"))?.collect_into().await?;
    /// assert_eq!(values, [(2,)]);
    /// # Ok(()) }
    /// ```
    count = engine::count;
    /// The number of different values; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..10)?;
    /// let values: Vec<(i64,)> = frame.agg(count_distinct(col("value") % 3))?.collect_into().await?;
    /// assert_eq!(values, [(3,)]);
    /// # Ok(()) }
    /// ```
    count_distinct = engine::count_distinct;
    /// About the number of different values, in little memory; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..10)?;
    /// let values: Vec<(i64,)> = frame.agg(approx_count_distinct(col("value") % 3))?.collect_into().await?;
    /// assert_eq!(values, [(3,)]);
    /// # Ok(()) }
    /// ```
    approx_count_distinct = engine::approx_distinct;
    /// The standard deviation of a sample; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..3)?;
    /// let values: Vec<(f64,)> = frame.agg(std(col("value") * 2))?.collect_into().await?;
    /// assert_eq!(values, [(2.0,)]);
    /// # Ok(()) }
    /// ```
    std = engine::stddev;
    /// The variance of a sample; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..3)?;
    /// let values: Vec<(f64,)> = frame.agg(var(col("value") * 2))?.collect_into().await?;
    /// assert_eq!(values, [(4.0,)]);
    /// # Ok(()) }
    /// ```
    var = engine::var_sample;
    /// Whether any value is true; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..5)?;
    /// let values: Vec<(bool,)> = frame.agg(any_true(col("value").gt(3)))?.collect_into().await?;
    /// assert_eq!(values, [(true,)]);
    /// # Ok(()) }
    /// ```
    any_true = engine::bool_or;
    /// Whether all values are true; see [`sum`] for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..5)?;
    /// let values: Vec<(bool,)> = frame.agg(all_true(col("value").gt(3)))?.collect_into().await?;
    /// assert_eq!(values, [(false,)]);
    /// # Ok(()) }
    /// ```
    all_true = engine::bool_and;
}

/// The number of rows, SQL's `count(*)`; see [`sum`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT * FROM (VALUES (1), (NULL), (3)) AS t (n)").await?;
/// let values: Vec<(i64,)> = frame.agg(count_rows())?.collect_into().await?;
/// assert_eq!(values, [(3,)]);
/// # Ok(()) }
/// ```
pub fn count_rows() -> Expr {
    Expr(datafusion::functions_aggregate::count::count_all())
}

/// The value below which the share `q` of all values lies, between two values in proportion: 0.5 is the median. It holds
/// the values of a group; see [`sum`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT * FROM (VALUES (0.0), (10.0)) AS t (x)").await?;
/// let values: Vec<(f64,)> = frame.agg(quantile("x", 0.25))?.collect_into().await?;
/// assert_eq!(values, [(2.5,)]);
/// # Ok(()) }
/// ```
pub fn quantile(column: impl IntoColumn, q: f64) -> Expr {
    Expr(engine::percentile_cont(column.into_column().0.sort(true, false), super::lit(q).0))
}

/// About the [`quantile`], in little memory; see [`sum`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.range(0..101)?;
/// let values: Vec<(f64,)> = frame.agg(approx_quantile("value", 0.5))?.collect_into().await?;
/// assert!((45.0..55.0).contains(&values[0].0));
/// # Ok(()) }
/// ```
pub fn approx_quantile(column: impl IntoColumn, q: f64) -> Expr {
    Expr(engine::approx_percentile_cont(column.into_column().0.sort(true, false), super::lit(q).0, None))
}

/// The correlation of Pearson, from -1 to 1; see [`sum`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.range(0..5)?;
/// let values: Vec<(f64,)> = frame.agg(corr("value", col("value") * 2))?.collect_into().await?;
/// assert!((values[0].0 - 1.0).abs() < 1e-9);
/// # Ok(()) }
/// ```
pub fn corr(a: impl IntoColumn, b: impl IntoColumn) -> Expr {
    Expr(engine::corr(a.into_column().0, b.into_column().0))
}

/// The value, NULL or not, of the row that comes first in an order; see [`sum`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT * FROM (VALUES ('a', 3), ('b', 1)) AS t (name, n)").await?;
/// let values: Vec<(String,)> = frame.agg(first("name", "n"))?.collect_into().await?;
/// assert_eq!(values[0].0, "b");
/// # Ok(()) }
/// ```
pub fn first(column: impl IntoColumn, order_by: impl IntoOrders) -> Expr {
    ordered(first_last::first_value_udaf(), vec![column.into_column().0], order_by)
}

/// The value, NULL or not, of the row that comes last in an order; see [`sum`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT * FROM (VALUES ('a', 3), ('b', 1)) AS t (name, n)").await?;
/// let values: Vec<(String,)> = frame.agg(last("name", "n"))?.collect_into().await?;
/// assert_eq!(values[0].0, "a");
/// # Ok(()) }
/// ```
pub fn last(column: impl IntoColumn, order_by: impl IntoOrders) -> Expr {
    ordered(first_last::last_value_udaf(), vec![column.into_column().0], order_by)
}

/// All values, NULLs too, as a list, in an order or in none (`()`); see [`sum`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.range(0..3)?;
/// let value = collect_list("value", col("value").descending());
/// let values: Vec<(Vec<i64>,)> = frame.agg(value)?.collect_into().await?;
/// assert_eq!(values, [(vec![2, 1, 0],)]);
/// # Ok(()) }
/// ```
pub fn collect_list(column: impl IntoColumn, order_by: impl IntoOrders) -> Expr {
    ordered(datafusion::functions_aggregate::array_agg::array_agg_udaf(), vec![column.into_column().0], order_by)
}

/// All values as one text, with `delimiter` between them, in an order or in none (`()`); see [`sum`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.range(0..3)?;
/// let values: Vec<(String,)> = frame.agg(join_text("value", ", ", "value"))?.collect_into().await?;
/// assert_eq!(values[0].0, "0, 1, 2");
/// # Ok(()) }
/// ```
pub fn join_text(column: impl IntoColumn, delimiter: &str, order_by: impl IntoOrders) -> Expr {
    let text = cast(column.into_column().0, DataType::Utf8);
    ordered(string_agg::string_agg_udaf(), vec![text, super::lit(delimiter).0], order_by)
}

fn ordered(function: Arc<AggregateUDF>, args: Vec<Engine>, order_by: impl IntoOrders) -> Expr {
    Expr(Engine::AggregateFunction(AggregateFunction::new_udf(function, args, false, None, sorts(order_by), None)))
}
