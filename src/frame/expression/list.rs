//! Functions of lists.

use datafusion::functions_nested::expr_fn as nested;
use datafusion::logical_expr::Expr as Engine;

use super::{Expr, IntoColumns, engines, lit};

/// Functions of lists, by [`Expr::list`]. Places are counted from 0, negative ones from the end.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT [3, 1, 2, 1] AS l").await?;
/// let l = || col("l").list();
/// let values = [l().len(), l().get(0), l().get(-1), l().sum(), l().mean(), l().min(), l().max(), l().contains(2)];
/// let lists = [l().sort(), l().reverse(), l().unique(), l().slice(1, 2), l().append(9), l().concat(col("l"))];
/// datafusion::assert_batches_eq!(
///     ["+---+---------+", "| n | sorted  |", "+---+---------+", "| 4 | 1-1-2-3 |", "+---+---------+"],
///     &frame.select([l().len().alias("n"), l().sort().list().join("-").alias("sorted")])?.compute().await?
/// );
/// # assert_eq!(frame.select([values.as_slice(), &lists].concat())?.compute().await?[0].num_columns(), 14);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct List(pub(super) Expr);

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $function:ident;)*) => {
        impl List {$(
            $(#[$doc])*
            pub fn $name(self) -> Expr {
                Expr(nested::$function(self.0.0))
            }
        )*}
    };
}
functions! {
    /// The number of elements, NULLs too.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(i64,)> = frame.select(col("l").list().len())?.collect_into().await?;
    /// assert_eq!(values, [(3,)]);
    /// # Ok(()) }
    /// ```
    len = array_length;
    /// The sum of the elements, as DOUBLE.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(f64,)> = frame.select(col("l").list().sum())?.collect_into().await?;
    /// assert_eq!(values, [(12.0,)]);
    /// # Ok(()) }
    /// ```
    sum = array_sum;
    /// The arithmetic mean of the elements.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(f64,)> = frame.select(col("l").list().mean())?.collect_into().await?;
    /// assert_eq!(values, [(4.0,)]);
    /// # Ok(()) }
    /// ```
    mean = array_avg;
    /// The least element.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(i64,)> = frame.select(col("l").list().min())?.collect_into().await?;
    /// assert_eq!(values, [(3,)]);
    /// # Ok(()) }
    /// ```
    min = array_min;
    /// The greatest element.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(i64,)> = frame.select(col("l").list().max())?.collect_into().await?;
    /// assert_eq!(values, [(5,)]);
    /// # Ok(()) }
    /// ```
    max = array_max;
    /// The elements from the last to the first.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(Vec<i64>,)> = frame.select(col("l").list().reverse())?.collect_into().await?;
    /// assert_eq!(values, [(vec![4, 3, 5],)]);
    /// # Ok(()) }
    /// ```
    reverse = array_reverse;
    /// Every element once.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 5] AS l").await?;
    /// let values: Vec<(Vec<i64>,)> = frame.select(col("l").list().unique().list().sort())?.collect_into().await?;
    /// assert_eq!(values, [(vec![3, 5],)]);
    /// # Ok(()) }
    /// ```
    unique = array_distinct;
}

impl List {
    /// The element at a place; NULL where there is none.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(i64,)> = frame.select(col("l").list().get(-1))?.collect_into().await?;
    /// assert_eq!(values, [(4,)]);
    /// # Ok(()) }
    /// ```
    pub fn get(self, place: i64) -> Expr {
        self.with(if place < 0 { place } else { place.saturating_add(1) }, nested::array_element)
    }

    /// At most `length` elements from place `start` on.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(Vec<i64>,)> = frame.select(col("l").list().slice(1, 2))?.collect_into().await?;
    /// assert_eq!(values, [(vec![3, 4],)]);
    /// # Ok(()) }
    /// ```
    pub fn slice(self, start: u32, length: u32) -> Expr {
        let (first, last) = (i64::from(start) + 1, i64::from(start) + i64::from(length));
        Expr(nested::array_slice(self.0.0, lit(first).0, lit(last).0, None))
    }

    /// Whether a value is among the elements.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(bool,)> = frame.select(col("l").list().contains(4))?.collect_into().await?;
    /// assert_eq!(values, [(true,)]);
    /// # Ok(()) }
    /// ```
    pub fn contains(self, value: impl Into<Expr>) -> Expr {
        self.with(value, nested::array_has)
    }

    /// The elements from the least to the greatest, NULLs last.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(Vec<i64>,)> = frame.select(col("l").list().sort())?.collect_into().await?;
    /// assert_eq!(values, [(vec![3, 4, 5],)]);
    /// # Ok(()) }
    /// ```
    pub fn sort(self) -> Expr {
        Expr(nested::array_sort(self.0.0, lit("ASC").0, lit("NULLS LAST").0))
    }

    /// One element more at the end.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3] AS l").await?;
    /// let values: Vec<(Vec<i64>,)> = frame.select(col("l").list().append(9))?.collect_into().await?;
    /// assert_eq!(values, [(vec![5, 3, 9],)]);
    /// # Ok(()) }
    /// ```
    pub fn append(self, value: impl Into<Expr>) -> Expr {
        self.with(value, nested::array_append)
    }

    /// The elements of another list behind its own.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3] AS l").await?;
    /// let values: Vec<(Vec<i64>,)> = frame.select(col("l").list().concat(col("l")))?.collect_into().await?;
    /// assert_eq!(values, [(vec![5, 3, 5, 3],)]);
    /// # Ok(()) }
    /// ```
    pub fn concat(self, other: impl Into<Expr>) -> Expr {
        self.with(other, |list, other| nested::array_concat(vec![list, other]))
    }

    /// The elements as one text with a delimiter between them, NULLs left out.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT [5, 3, 4] AS l").await?;
    /// let values: Vec<(String,)> = frame.select(col("l").list().join("+"))?.collect_into().await?;
    /// assert_eq!(values[0].0, "5+3+4");
    /// # Ok(()) }
    /// ```
    pub fn join(self, delimiter: &str) -> Expr {
        self.with(delimiter, nested::array_to_string)
    }

    fn with(self, other: impl Into<Expr>, function: impl FnOnce(Engine, Engine) -> Engine) -> Expr {
        Expr(function(self.0.0, other.into().0))
    }
}

/// The list of several values of a row, which have a common type.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let both = [list_of(["value", "value"]).alias("l"), struct_of([("n", col("value")), ("text", lit("x"))]).alias("s")];
/// let frame = ctx.range(7..8)?.select(both)?.select([col("l").list().sum().alias("sum"), col("s").field("n").alias("n")])?;
/// datafusion::assert_batches_eq!(
///     ["+------+---+", "| sum  | n |", "+------+---+", "| 14.0 | 7 |", "+------+---+"], &frame.compute().await?
/// );
/// # Ok(()) }
/// ```
pub fn list_of(columns: impl IntoColumns) -> Expr {
    Expr(nested::make_array(engines(columns.into_columns())))
}

/// The struct of several values of a row with names for them; see [`list_of`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let both = struct_of([("n", col("value")), ("double", col("value") * 2)]);
/// let frame = ctx.range(7..8)?.select(both.alias("s"))?;
/// let values: Vec<(i64,)> = frame.select(col("s").field("double"))?.collect_into().await?;
/// assert_eq!(values, [(14,)]);
/// # Ok(()) }
/// ```
pub fn struct_of<N: Into<String>, E: Into<Expr>>(fields: impl IntoIterator<Item = (N, E)>) -> Expr {
    let fields = fields.into_iter().flat_map(|(name, value)| [lit(name.into()).0, value.into().0]);
    Expr(datafusion::functions::core::expr_fn::named_struct(fields.collect()))
}
