//! What a person wants to know of a frame that is new to them.

use datafusion::arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::corr;
use datafusion::logical_expr::{Expr as Engine, lit};

use super::Frame;
use super::expression::{Expr, IntoColumns, col, count, list_of, max, min, output_name, row_number};
use crate::error::{Error, Result};
use crate::sql;

/// Overviews. They are frames like others: one plan, nothing has run.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let frame = ctx.range(0..11)?.with_columns([("odd", (col("value") % 2).eq(1))])?;
/// assert_eq!(frame.describe()?.columns()[..4], ["column_name", "column_type", "min", "max"]);
/// assert_eq!(frame.corr()?.columns(), ["column_name", "value"]);
/// let counts = frame.value_counts("odd")?;
/// datafusion::assert_batches_eq!(
///     ["+-------+-------+", "| odd   | count |", "+-------+-------+",
///      "| false | 6     |", "| true  | 5     |", "+-------+-------+"],
///     &counts.compute().await?
/// );
/// let deciles = frame.quantile("value", 0.25)?;
/// datafusion::assert_batches_eq!(
///     ["+-------+", "| value |", "+-------+", "| 2.5   |", "+-------+"], &deciles.compute().await?
/// );
/// # Ok(()) }
/// ```
impl Frame {
    /// A row a column: its name and type, least and greatest value, mean, standard deviation and quartiles, how many
    /// values it has, about how many different ones, how many NULLs. The same as SQL's SUMMARIZE: it reads the rows once
    /// and holds sketches.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let overview = ctx.range(1..11)?.describe()?.select(["column_name", "avg", "nulls"])?;
    /// let rows: Vec<(String, f64, i64)> = overview.collect_into().await?;
    /// assert_eq!(rows, [("value".to_string(), 5.5, 0)]);
    /// # Ok(()) }
    /// ```
    pub fn describe(&self) -> Result<Self> {
        Ok(self.with_plan(sql::summarize(self.plan.clone())?))
    }

    /// The different values of columns with the number of their rows as `count`, the most frequent first.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let letters = ctx.sql("SELECT * FROM (VALUES ('a'), ('b'), ('a')) AS t (letter)").await?;
    /// let counts: Vec<(String, i64)> = letters.value_counts("letter")?.collect_into().await?;
    /// assert_eq!(counts, [("a".to_string(), 2), ("b".to_string(), 1)]);
    /// # Ok(()) }
    /// ```
    pub fn value_counts(&self, columns: impl IntoColumns) -> Result<Self> {
        let counts = self.group_by(columns)?.count()?;
        let mut order = vec![col("count").descending()];
        order.extend(counts.columns().into_iter().filter(|name| name != "count").map(|name| col(name).ascending()));
        counts.sort(order)
    }

    /// The value below which the share `q` of the values of each column lies, between two values in proportion: 0.5 is
    /// the median. One row, NULLs left out. The values are sorted, on disk where they do not fit.
    ///
    /// Errors: a share below 0 or above 1; a column that is no number.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let quartile = ctx.range(0..11)?.quantile("value", 0.25)?;
    /// assert_eq!(quartile.collect_into::<(f64,)>().await?, [(2.5,)]);
    /// # Ok(()) }
    /// ```
    pub fn quantile(&self, columns: impl IntoColumns, q: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&q) {
            return Err(Error::user(format!("{q} is no share")).with_hint("a share is between 0.0 and 1.0"));
        }
        let columns = self.values(columns.into_columns())?.into_iter().map(|column| self.quantile_of(column, q));
        let mut all = columns.collect::<Result<Vec<_>>>()?.into_iter();
        let first = all.next().ok_or_else(|| Error::user("quantile wants at least one column"))?;
        all.try_fold(first, |row, next| row.join(&next, super::Join::cross()))
    }

    /// How all columns of numbers go together, by [`corr`](crate::prelude::corr): a row and a column for each. Pairs with
    /// a NULL are left out.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..5)?.with_column("less", 10 - col("value"))?;
    /// assert_eq!(numbers.corr()?.columns(), ["column_name", "value", "less"]);
    /// let rows: Vec<(String, f64, f64)> = numbers.corr()?.collect_into().await?;
    /// assert!((rows[0].2 + 1.0).abs() < 1e-9);
    /// # Ok(()) }
    /// ```
    pub fn corr(&self) -> Result<Self> {
        let schema = self.plan.schema();
        let numbers = schema.fields().iter().enumerate().filter(|(_, field)| field.data_type().is_numeric());
        let numbers: Vec<_> = numbers
            .map(|(at, field)| (field.name().clone(), Expr(self.own_column(at)).cast(DataType::Float64).0))
            .collect();
        if numbers.is_empty() {
            return Err(Error::user("there are no columns of numbers"));
        }
        let mut columns =
            vec![("column_name".to_string(), numbers.iter().map(|(name, _)| lit(name.as_str())).collect())];
        columns.extend(numbers.iter().enumerate().map(|(at, (name, column))| {
            // Of a pair both ways are one aggregate.
            let with = |(other_at, (_, other)): (usize, &(String, Engine))| match other_at <= at {
                true => corr(other.clone(), column.clone()),
                false => corr(column.clone(), other.clone()),
            };
            (name.clone(), numbers.iter().enumerate().map(with).collect())
        }));
        Ok(self.with_plan(sql::row_per_column(self.plan.clone(), columns)?))
    }

    /// ```text
    /// Aggregate: min(x) + (max(x) - min(x)) * (at - floor(at))
    ///   Join: n                                             the one or two rows around the place
    ///     x, row_number() OVER (ORDER BY x) - 1 AS n        sorted, on disk if need be
    ///     at, unnest([floor(at), ceil(at)]) AS n            two rows
    ///       (count(x) - 1) * q AS at
    /// ```
    fn quantile_of(&self, column: Engine, q: f64) -> Result<Self> {
        let name = output_name(&column);
        let not_a_number = || Error::user(format!("a quantile of '{name}', which is no number"));
        let values = self.project(vec![column.alias("x")])?.drop_nulls(())?;
        if !values.schema().field(0).data_type().is_numeric() {
            return Err(not_a_number());
        }
        let values = values.cast([("x", DataType::Float64)])?;
        let numbered = values.with_column("n", row_number().over((), "x").cast(DataType::Int64) - 1)?;
        let place = values.agg([((count("x") - 1) * q).alias("at")])?;
        let around = [col("at").floor(), col("at").ceil()].map(|at| at.cast(DataType::Int64));
        let around = place.with_column("n", list_of(around))?.explode("n")?;
        let around = numbered.join(&around, super::Join::inner("n"))?;
        let (low, high) = (min("x"), max("x"));
        let share = min("at") - min("at").floor();
        around.agg([(low.clone() + (high - low) * share).alias(name.clone())])
    }
}
