//! Groups of rows and what is computed of them.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::utils::{columnize_expr, find_aggregate_exprs};
use datafusion::logical_expr::{Expr as Engine, LogicalPlanBuilder};

use super::Frame;
use super::columns::project;
use super::expression::{self, Expr, IntoColumns, checked, output_name, stray_column};
use crate::error::{Error, Result};

/// Rows with equal keys, waiting for what is to be computed of them: by [`Frame::group_by`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let sales = ctx.sql("SELECT * FROM (VALUES ('a', 1, 2.5), ('a', 3, 1.0), ('b', 2, 4.0)) AS t (shop, n, price)").await?;
/// let revenue = sales
///     .group_by("shop")?
///     .agg([sum(col("n") * col("price")).alias("revenue"), (sum("price") / count_rows()).alias("mean")])?;
/// datafusion::assert_batches_eq!(
///     ["+------+---------+------+",
///      "| shop | revenue | mean |",
///      "+------+---------+------+",
///      "| a    | 5.5     | 1.75 |",
///      "| b    | 8.0     | 4.0  |",
///      "+------+---------+------+"],
///     &revenue.sort("shop")?.compute().await?
/// );
/// let shops = sales.group_by(["shop"])?;
/// assert_eq!(shops.count()?.columns(), ["shop", "count"]);
/// for all in [shops.sum()?, shops.mean()?, shops.median()?, shops.std()?, shops.var()?, shops.min()?, shops.max()?] {
///     assert_eq!(all.columns(), ["shop", "n", "price"]);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "groups are made a frame by .agg([…]) or .count()"]
pub struct GroupBy {
    frame: Frame,
    keys: Vec<Engine>,
}

impl Frame {
    /// Rows with equal values of `keys` together; NULL equals NULL. See [`GroupBy`].
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let rests = ctx.range(0..10)?.group_by([(col("value") % 3).alias("rest")])?;
    /// let sums = rests.agg([sum("value").alias("sum")])?.sort("rest")?;
    /// assert_eq!(sums.collect_into::<(i64, i64)>().await?, [(0, 18), (1, 12), (2, 15)]);
    /// # Ok(()) }
    /// ```
    pub fn group_by(&self, keys: impl IntoColumns) -> Result<GroupBy> {
        Ok(GroupBy { keys: self.values(keys.into_columns())?, frame: self.clone() })
    }

    /// Aggregates of all rows: a frame of one row. See [`sum`](crate::prelude::sum) for an example.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let all = ctx.range(0..5)?.agg([sum("value").alias("sum"), max("value").alias("most")])?;
    /// assert_eq!(all.collect_into::<(i64, i64)>().await?, [(10, 4)]);
    /// # Ok(()) }
    /// ```
    pub fn agg(&self, aggregates: impl IntoColumns) -> Result<Self> {
        self.group_by(())?.agg(aggregates)
    }
}

macro_rules! of_numbers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> Result<Frame> {
            self.each(DataType::is_numeric, |column| expression::$name(column))
        }
    )*};
}

impl GroupBy {
    /// The keys, and these aggregates of each group. Expressions of aggregates and keys may be among them.
    ///
    /// Errors: a column that is neither a key nor inside an aggregate.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 2), (1, 4), (1, 9), (2, 5)) AS t (shop, n)").await?;
    /// let frame = sales.group_by("shop")?.agg([count_rows().alias("rows"), max("n").alias("most")])?.sort("shop")?;
    /// assert_eq!(frame.collect_into::<(i64, i64, i64)>().await?, [(1, 3, 9), (2, 1, 5)]);
    /// # Ok(()) }
    /// ```
    pub fn agg(&self, aggregates: impl IntoColumns) -> Result<Frame> {
        let plan = self.frame.logical_plan();
        let exprs = self.frame.resolved(aggregates.into_columns())?;
        let keys: Vec<Engine> = self.keys.iter().map(|key| key.clone().unalias()).collect();
        for expr in &exprs {
            checked(expr, plan.schema())?;
            if let Some(stray) = stray_column(expr, &keys) {
                return Err(Error::user(format!("column '{}' is neither a key nor inside an aggregate", stray.name))
                    .with_hint(format!("say which of its values: min(\"{0}\"), first(\"{0}\", …)", stray.name)));
            }
        }
        let functions = find_aggregate_exprs(&exprs);
        if keys.is_empty() && functions.is_empty() {
            return Err(Error::user("there is nothing to aggregate").with_hint("for example .agg([count_rows()])"));
        }
        let grouped = LogicalPlanBuilder::from(plan.clone()).aggregate(keys, functions)?.build()?;
        let columns = self.keys.iter().chain(&exprs).map(|expr| columnize_expr(expr.clone(), &grouped));
        let columns = columns.collect::<datafusion::error::Result<_>>()?;
        Ok(self.frame.with_plan(project(grouped, columns)?))
    }

    /// The keys, and the number of rows of each group as `count`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 2), (1, 4), (1, 9), (2, 5)) AS t (shop, n)").await?;
    /// let frame = sales.group_by("shop")?.count()?.sort("shop")?;
    /// assert_eq!(frame.collect_into::<(i64, i64)>().await?, [(1, 3), (2, 1)]);
    /// # Ok(()) }
    /// ```
    pub fn count(&self) -> Result<Frame> {
        self.agg([expression::count_rows().alias("count")])
    }

    of_numbers! {
        /// The keys, and the sum of each column of numbers, under its name.
        ///
        /// ```
        /// # use partita::prelude::*;
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
        /// # let ctx = Context::builder().build()?;
        /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 2), (1, 4), (1, 9), (2, 5)) AS t (shop, n)").await?;
        /// let frame = sales.group_by("shop")?.sum()?.sort("shop")?;
        /// assert_eq!(frame.collect_into::<(i64, i64)>().await?, [(1, 15), (2, 5)]);
        /// # Ok(()) }
        /// ```
        sum
        /// The keys, and the mean of each column of numbers, under its name.
        ///
        /// ```
        /// # use partita::prelude::*;
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
        /// # let ctx = Context::builder().build()?;
        /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 2), (1, 4), (1, 9), (2, 5)) AS t (shop, n)").await?;
        /// let frame = sales.group_by("shop")?.mean()?.sort("shop")?;
        /// assert_eq!(frame.collect_into::<(i64, f64)>().await?, [(1, 5.0), (2, 5.0)]);
        /// # Ok(()) }
        /// ```
        mean
        /// The keys, and the median of each column of numbers, under its name.
        ///
        /// ```
        /// # use partita::prelude::*;
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
        /// # let ctx = Context::builder().build()?;
        /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 2.0), (1, 4.0), (1, 9.0), (2, 5.0)) AS t (shop, n)").await?;
        /// let frame = sales.group_by("shop")?.median()?.sort("shop")?;
        /// assert_eq!(frame.collect_into::<(i64, f64)>().await?, [(1, 4.0), (2, 5.0)]);
        /// # Ok(()) }
        /// ```
        median
        /// The keys, and the standard deviation of each column of numbers, under its name.
        ///
        /// ```
        /// # use partita::prelude::*;
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
        /// # let ctx = Context::builder().build()?;
        /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 1), (1, 3), (1, 5)) AS t (shop, n)").await?;
        /// assert_eq!(sales.group_by("shop")?.std()?.collect_into::<(i64, f64)>().await?, [(1, 2.0)]);
        /// # Ok(()) }
        /// ```
        std
        /// The keys, and the variance of each column of numbers, under its name.
        ///
        /// ```
        /// # use partita::prelude::*;
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
        /// # let ctx = Context::builder().build()?;
        /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 1), (1, 3), (1, 5)) AS t (shop, n)").await?;
        /// assert_eq!(sales.group_by("shop")?.var()?.collect_into::<(i64, f64)>().await?, [(1, 4.0)]);
        /// # Ok(()) }
        /// ```
        var
    }

    /// The keys, and the least value of each other column, under its name; of lists and structs none.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 2), (1, 4), (1, 9), (2, 5)) AS t (shop, n)").await?;
    /// let frame = sales.group_by("shop")?.min()?.sort("shop")?;
    /// assert_eq!(frame.collect_into::<(i64, i64)>().await?, [(1, 2), (2, 5)]);
    /// # Ok(()) }
    /// ```
    pub fn min(&self) -> Result<Frame> {
        self.each(|kind| !kind.is_nested(), expression::min)
    }

    /// The keys, and the greatest value of each other column, under its name; of lists and structs none.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let sales = ctx.sql("SELECT * FROM (VALUES (1, 2), (1, 4), (1, 9), (2, 5)) AS t (shop, n)").await?;
    /// let frame = sales.group_by("shop")?.max()?.sort("shop")?;
    /// assert_eq!(frame.collect_into::<(i64, i64)>().await?, [(1, 9), (2, 5)]);
    /// # Ok(()) }
    /// ```
    pub fn max(&self) -> Result<Frame> {
        self.each(|kind| !kind.is_nested(), expression::max)
    }

    /// An aggregate of each column, but the keys, whose type it is for.
    fn each(&self, is_for: impl Fn(&DataType) -> bool, function: impl Fn(Expr) -> Expr) -> Result<Frame> {
        let keys: Vec<String> = self.keys.iter().map(output_name).collect();
        let schema = self.frame.logical_plan().schema();
        let columns = self.frame.own_columns().into_iter().zip(schema.fields());
        let aggregates = columns
            .filter(|(_, field)| is_for(field.data_type()) && !keys.contains(field.name()))
            .map(|(column, field)| function(Expr(column)).alias(field.name()));
        self.agg(aggregates.collect::<Vec<_>>())
    }
}
