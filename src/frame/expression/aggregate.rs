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
    mean = engine::avg;
    /// The middle value, of an even number of values the mean of both; see [`sum`] for an example.
    median = engine::median;
    /// The least value; see [`sum`] for an example.
    min = engine::min;
    /// The greatest value; see [`sum`] for an example.
    max = engine::max;
    /// The number of values that are not NULL; see [`sum`] for an example.
    count = engine::count;
    /// The number of different values; see [`sum`] for an example.
    count_distinct = engine::count_distinct;
    /// About the number of different values, in little memory; see [`sum`] for an example.
    approx_count_distinct = engine::approx_distinct;
    /// The standard deviation of a sample; see [`sum`] for an example.
    std = engine::stddev;
    /// The variance of a sample; see [`sum`] for an example.
    var = engine::var_sample;
    /// Whether any value is true; see [`sum`] for an example.
    any_true = engine::bool_or;
    /// Whether all values are true; see [`sum`] for an example.
    all_true = engine::bool_and;
}

/// The number of rows, SQL's `count(*)`; see [`sum`] for an example.
pub fn count_rows() -> Expr {
    Expr(datafusion::functions_aggregate::count::count_all())
}

/// The value below which the share `q` of all values lies, between two values in proportion: 0.5 is the median. It holds
/// the values of a group; see [`sum`] for an example.
pub fn quantile(column: impl IntoColumn, q: f64) -> Expr {
    Expr(engine::percentile_cont(column.into_column().0.sort(true, false), super::lit(q).0))
}

/// About the [`quantile`], in little memory; see [`sum`] for an example.
pub fn approx_quantile(column: impl IntoColumn, q: f64) -> Expr {
    Expr(engine::approx_percentile_cont(column.into_column().0.sort(true, false), super::lit(q).0, None))
}

/// The correlation of Pearson, from -1 to 1; see [`sum`] for an example.
pub fn corr(a: impl IntoColumn, b: impl IntoColumn) -> Expr {
    Expr(engine::corr(a.into_column().0, b.into_column().0))
}

/// The value, NULL or not, of the row that comes first in an order; see [`sum`] for an example.
pub fn first(column: impl IntoColumn, order_by: impl IntoOrders) -> Expr {
    ordered(first_last::first_value_udaf(), vec![column.into_column().0], order_by)
}

/// The value, NULL or not, of the row that comes last in an order; see [`sum`] for an example.
pub fn last(column: impl IntoColumn, order_by: impl IntoOrders) -> Expr {
    ordered(first_last::last_value_udaf(), vec![column.into_column().0], order_by)
}

/// All values, NULLs too, as a list, in an order or in none (`()`); see [`sum`] for an example.
pub fn collect_list(column: impl IntoColumn, order_by: impl IntoOrders) -> Expr {
    ordered(datafusion::functions_aggregate::array_agg::array_agg_udaf(), vec![column.into_column().0], order_by)
}

/// All values as one text, with `delimiter` between them, in an order or in none (`()`); see [`sum`] for an example.
pub fn join_text(column: impl IntoColumn, delimiter: &str, order_by: impl IntoOrders) -> Expr {
    let text = cast(column.into_column().0, DataType::Utf8);
    ordered(string_agg::string_agg_udaf(), vec![text, super::lit(delimiter).0], order_by)
}

fn ordered(function: Arc<AggregateUDF>, args: Vec<Engine>, order_by: impl IntoOrders) -> Expr {
    Expr(Engine::AggregateFunction(AggregateFunction::new_udf(function, args, false, None, sorts(order_by), None)))
}
