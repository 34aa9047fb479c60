//! Expressions over the columns of a frame: what SQL writes between its commas, in Rust.
//!
//! ```text
//! col("a") + 1 ──► Expr ── Frame::select, filter, … ──► resolve: names found, types checked ──► the engine's expression
//! ```
//!
//! An [`Expr`] knows no table. Its names and types are looked at by the call that gives it to a frame, so that a mistake
//! is an error of that call.

mod aggregate;
mod case;
mod column;
mod list;
mod literal;
mod number;
mod operator;
mod order;
mod resolve;
mod text;
mod time;
mod window;

use std::fmt;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::{self as engine, Expr as Engine};

pub use aggregate::{
    all_true, any_true, approx_count_distinct, approx_quantile, collect_list, corr, count, count_distinct, count_rows,
    first, join_text, last, max, mean, median, min, quantile, std, sum, var,
};
pub use case::{Case, When, when};
pub use column::{IntoColumn, IntoColumns};
pub use list::{List, list_of, struct_of};
pub use literal::{date, interval, lit, timestamp};
pub use number::{coalesce, concat, greatest, least};
pub(super) use order::sorts;
pub use order::{IntoOrder, IntoOrders, Order};
pub(super) use resolve::{check_condition, checked, expect_rows, output_name, resolve, stray_column, unknown};
pub use text::Text;
pub use time::Time;
pub use window::{dense_rank, ntile, percent_rank, rank, row_number};

/// A value for every row, computed of its columns.
///
/// Made by [`col`] and [`lit`], combined by operators and methods. Plain Rust values stand where an expression is asked
/// for, and mean what the same literal means in SQL: whole numbers are BIGINT, others DOUBLE.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let numbers = ctx.range(0..10)?;
/// let n = || col("value");
/// let frame = numbers
///     .filter(n().gt(2) & n().between(1, 8) & !n().is_in([5, 6]) & n().is_not_null())?
///     .select([(n() * 2 + 1).alias("odd"), (1 - n()).cast(DataType::Int32).alias("small"), n().gt_eq(7).alias("big")])?;
/// assert_eq!(frame.columns(), ["odd", "small", "big"]);
/// datafusion::assert_batches_eq!(
///     ["+-----+-------+-------+",
///      "| odd | small | big   |",
///      "+-----+-------+-------+",
///      "| 7   | -2    | false |",
///      "| 9   | -3    | false |",
///      "| 15  | -6    | true  |",
///      "| 17  | -7    | true  |",
///      "+-----+-------+-------+"],
///     &frame.compute().await?
/// );
/// # Ok(()) }
/// ```
///
/// It is a thin cover of the engine's own expression, and made from and into it by `From`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Expr(pub(super) Engine);

/// The column of this name.
///
/// The name is taken as it is, with its capitals, blanks and dots: `col("Year")` is the column `Year`, as in pandas, not
/// SQL's `year`. Only where no column has the whole name, `"t.x"` is the column `x` of what SQL would call table `t`:
/// see [`Frame::alias`](crate::Frame::alias).
///
/// ```
/// use partita::prelude::*;
/// assert_eq!((col("Year") + 1).to_string(), "Year + Int64(1)");
/// ```
pub fn col(name: impl Into<String>) -> Expr {
    Expr(Engine::Column(Column::from_name(name)))
}

impl Expr {
    /// The same value under a name of its own.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..3)?.select((col("value") * 2).alias("double"))?;
    /// assert_eq!(frame.columns(), ["double"]);
    /// # Ok(()) }
    /// ```
    pub fn alias(self, name: impl Into<String>) -> Self {
        Self(self.0.alias(name))
    }

    /// The value as another type; a value that does not fit is an error of the run.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT '12' AS t").await?;
    /// let values: Vec<(i64,)> = frame.select(col("t").cast(DataType::Int64))?.collect_into().await?;
    /// assert_eq!(values, [(12,)]);
    /// # Ok(()) }
    /// ```
    pub fn cast(self, kind: DataType) -> Self {
        Self(engine::cast(self.0, kind))
    }

    /// The value as another type, NULL where it does not fit.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'twelve' AS t").await?;
    /// let values: Vec<(Option<i64>,)> = frame.select(col("t").try_cast(DataType::Int64))?.collect_into().await?;
    /// assert_eq!(values, [(None,)]);
    /// # Ok(()) }
    /// ```
    pub fn try_cast(self, kind: DataType) -> Self {
        Self(engine::try_cast(self.0, kind))
    }

    /// The field of a struct, or the value of a map at a key of text.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT {'a': 1, 'B': 'x'} AS s").await?;
    /// let values: Vec<(i64,)> = frame.select(col("s").field("a"))?.collect_into().await?;
    /// assert_eq!(values, [(1,)]);
    /// # Ok(()) }
    /// ```
    pub fn field(self, name: impl Into<String>) -> Self {
        Self(datafusion::functions::core::expr_fn::get_field(self.0, name.into()))
    }

    /// Functions of text: `col("name").str().upper()`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 'ada' AS name").await?;
    /// let values: Vec<(String,)> = frame.select(col("name").str().upper())?.collect_into().await?;
    /// assert_eq!(values[0].0, "ADA");
    /// # Ok(()) }
    /// ```
    pub fn str(self) -> Text {
        Text(self)
    }

    /// Functions of dates and times: `col("day").dt().month()`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT DATE '2013-07-04' AS day").await?;
    /// let values: Vec<(i64,)> = frame.select(col("day").dt().month())?.collect_into().await?;
    /// assert_eq!(values, [(7,)]);
    /// # Ok(()) }
    /// ```
    pub fn dt(self) -> Time {
        Time(self)
    }

    /// Functions of lists: `col("tags").list().len()`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT ['a', 'b'] AS tags").await?;
    /// let values: Vec<(i64,)> = frame.select(col("tags").list().len())?.collect_into().await?;
    /// assert_eq!(values, [(2,)]);
    /// # Ok(()) }
    /// ```
    pub fn list(self) -> List {
        List(self)
    }
}

impl From<Engine> for Expr {
    fn from(expr: Engine) -> Self {
        Self(expr)
    }
}

impl From<Expr> for Engine {
    fn from(expr: Expr) -> Self {
        expr.0
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.0)
    }
}

/// The engine's expressions of ours.
pub(super) fn engines(exprs: impl IntoIterator<Item = Expr>) -> Vec<Engine> {
    exprs.into_iter().map(|expr| expr.0).collect()
}
