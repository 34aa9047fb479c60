//! Rows into columns, columns into rows.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, ExprSchema, NullHandling, UnnestOptions};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::{Expr as Engine, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use super::Frame;
use super::columns::project;
use super::expression::{Expr, IntoColumns, checked, col, lit, output_name};
use crate::error::{Error, Result};

/// The most columns that [`Frame::pivot_all`] makes.
const WIDEST: usize = 1000;

/// Shape.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let sales = ctx.sql("SELECT * FROM (VALUES ('a', 'jan', 1), ('a', 'feb', 2), ('b', 'feb', 4)) AS t (shop, month, n)").await?;
/// let wide = sales.pivot("shop", "month", ["jan", "feb"], sum("n"))?;
/// datafusion::assert_batches_eq!(
///     ["+------+-----+-----+",
///      "| shop | jan | feb |",
///      "+------+-----+-----+",
///      "| a    | 1   | 2   |",
///      "| b    |     | 4   |",
///      "+------+-----+-----+"],
///     &wide.sort("shop")?.compute().await?
/// );
/// assert_eq!(sales.pivot_all("shop", "month", sum("n")).await?.columns(), ["shop", "feb", "jan"]);
/// let long = wide.unpivot(["jan", "feb"], "month", "n")?;
/// assert_eq!(long.columns(), ["shop", "month", "n"]);
/// let lists = sales.group_by("shop")?.agg([collect_list("n", "n").alias("n")])?;
/// assert_eq!(lists.explode("n")?.compute().await?.iter().map(|batch| batch.num_rows()).sum::<usize>(), 3);
/// # Ok(()) }
/// ```
impl Frame {
    /// A row for every element of lists; the other values are repeated. A NULL or empty list gives one row with NULL.
    /// Several lists are taken in step, the shorter ones filled up with NULL.
    ///
    /// Errors: a column that is no list.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let lists = ctx.sql("SELECT * FROM (VALUES (1, [10, 20]), (2, NULL)) AS t (n, list)").await?;
    /// let rows: Vec<(i64, Option<i64>)> = lists.explode("list")?.collect_into().await?;
    /// assert_eq!(rows, [(1, Some(10)), (1, Some(20)), (2, None)]);
    /// # Ok(()) }
    /// ```
    pub fn explode(&self, columns: impl IntoColumns) -> Result<Self> {
        let columns = self.values(columns.into_columns())?;
        let names = columns.into_iter().map(|column| match column {
            Engine::Column(name) => Ok(name),
            other => {
                Err(Error::user(format!("{other} is no column of the frame")).with_hint("make it one: with_column"))
            }
        });
        let names = names.collect::<Result<Vec<Column>>>()?;
        for name in &names {
            let kind = self.plan.schema().field_from_column(name)?.data_type();
            if !matches!(kind, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)) {
                return Err(Error::user(format!("column '{}' is no list but {kind}", name.name)));
            }
        }
        let options = UnnestOptions { null_handling: NullHandling::PreserveAndExpandEmpty, ..UnnestOptions::default() };
        let plan = LogicalPlanBuilder::from(self.plan.clone()).unnest_columns_with_options(names, options)?.build()?;
        Ok(self.with_plan(plan))
    }

    /// Columns as rows: one for each of `columns`, with its name in the column `name` and its value in the column
    /// `value`. The other columns are repeated. Pandas' `melt`. The rows are read once.
    ///
    /// Errors: columns without a common type.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let wide = ctx.sql("SELECT 7 AS shop, 1 AS jan, 2 AS feb").await?;
    /// let long: Vec<(i64, String, i64)> = wide.unpivot(["jan", "feb"], "month", "n")?.collect_into().await?;
    /// assert_eq!(long, [(7, "jan".to_string(), 1), (7, "feb".to_string(), 2)]);
    /// # Ok(()) }
    /// ```
    pub fn unpivot(&self, columns: impl IntoColumns, name: &str, value: &str) -> Result<Self> {
        let columns = self.values(columns.into_columns())?;
        if columns.is_empty() {
            return Err(Error::user("unpivot wants at least one column"));
        }
        let mut exprs: Vec<_> = self.own_columns().into_iter().filter(|column| !columns.contains(column)).collect();
        let names = columns.iter().map(|column| lit(output_name(column)).0).collect();
        let values = make_array(columns);
        checked(&values, self.plan.schema())?;
        exprs.extend([make_array(names).alias(name), values.alias(value)]);
        let unnested = vec![Column::from_name(name), Column::from_name(value)];
        let plan = LogicalPlanBuilder::from(project(self.plan.clone(), exprs)?);
        Ok(self.with_plan(plan.unnest_columns_with_options(unnested, UnnestOptions::default())?.build()?))
    }

    /// Rows as columns: a row for every combination of values of `index`, and in it a column for each of `values`, with
    /// the aggregate of the rows where `on` has that value. Columns are named by the values, by `null` for NULL.
    ///
    /// The plan has to know its columns, and so the values: [`pivot_all`](Self::pivot_all) looks for them.
    ///
    /// Errors: an `aggregate` that is none.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let sql = "SELECT * FROM (VALUES (7, 'jan', 1), (7, 'feb', 2), (8, 'feb', 4)) AS t (shop, month, n)";
    /// let sales = ctx.sql(sql).await?;
    /// let wide = sales.pivot("shop", "month", ["jan", "feb"], sum("n"))?.sort("shop")?;
    /// let rows: Vec<(i64, Option<i64>, Option<i64>)> = wide.collect_into().await?;
    /// assert_eq!(rows, [(7, Some(1), Some(2)), (8, None, Some(4))]);
    /// # Ok(()) }
    /// ```
    pub fn pivot<V: Into<Expr>>(
        &self,
        index: impl IntoColumns,
        on: &str,
        values: impl IntoIterator<Item = V>,
        aggregate: Expr,
    ) -> Result<Self> {
        if datafusion::logical_expr::utils::find_aggregate_exprs([&aggregate.0]).is_empty() {
            return Err(Error::user(format!("{aggregate} is no aggregate")).with_hint("for example sum(\"x\")"));
        }
        let cells = values.into_iter().map(|value| {
            let value = value.into();
            let is_value = if is_null(&value) { col(on).is_null() } else { col(on).eq(value.clone()) };
            aggregate.clone().filter(is_value).alias(label(&value))
        });
        self.group_by(index)?.agg(cells.collect::<Vec<_>>())
    }

    /// The [`pivot`](Self::pivot) over all values that `on` has, in their order. It runs a query to find them.
    ///
    /// Errors: more than 1,000 values.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let sql = "SELECT * FROM (VALUES (7, 'jan', 1), (7, 'feb', 2), (8, 'feb', 4)) AS t (shop, month, n)";
    /// let sales = ctx.sql(sql).await?;
    /// assert_eq!(sales.pivot_all("shop", "month", sum("n")).await?.columns(), ["shop", "feb", "jan"]);
    /// # Ok(()) }
    /// ```
    pub async fn pivot_all(&self, index: impl IntoColumns, on: &str, aggregate: Expr) -> Result<Self> {
        let values = self.select([on])?.distinct()?.sort([on])?.limit(WIDEST + 1)?;
        let mut batches = values.run().await?;
        let mut found = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            for row in 0..batch.num_rows() {
                found.push(Expr::from(ScalarValue::try_from_array(batch.column(0), row)?));
            }
        }
        if found.len() > WIDEST {
            let error = Error::user(format!("'{on}' has more than {WIDEST} values: too many columns"));
            return Err(error.with_hint("pivot(…) takes the values that are wanted"));
        }
        self.pivot(index, on, found, aggregate)
    }
}

fn is_null(value: &Expr) -> bool {
    value.0.as_literal().is_some_and(ScalarValue::is_null)
}

/// The value as the name of a column.
fn label(value: &Expr) -> String {
    match value.0.as_literal() {
        Some(null) if null.is_null() => "null".to_string(),
        Some(value) => value.to_string(),
        None => value.to_string(),
    }
}
