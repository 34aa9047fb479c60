//! The columns of a frame: which, under what names, of what.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::utils::{columnize_expr, find_window_exprs};
use datafusion::logical_expr::{Expr as Engine, LogicalPlan, LogicalPlanBuilder};

use super::Frame;
use super::expression::{Expr, IntoColumns, checked, engines, expect_rows, output_name, resolve, unknown};
use crate::error::{Error, Result};

/// Columns. All of these plan and run nothing; a name that no column has, and types that do not go together, are errors
/// of the call.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let flights = ctx.sql("SELECT * FROM (VALUES ('UA', 1400, 227), ('AA', 1089, NULL)) AS t (carrier, miles, minutes)").await?;
/// let speed = flights
///     .with_column("speed", col("miles") * 60 / col("minutes"))?
///     .with_columns([("late", col("minutes").gt(180)), ("miles", col("miles").cast(DataType::Float64))])?
///     .rename([("carrier", "airline")])?
///     .cast([("speed", DataType::Int32)])?
///     .drop(["minutes"])?;
/// assert_eq!(speed.columns(), ["airline", "miles", "speed", "late"]);
/// let short = speed.select(["airline", "speed"])?;
/// let named = short.alias("s")?.select([col("s.speed")])?;
/// # assert_eq!(named.compute().await?[0].num_rows(), 2);
///
/// let error = flights.select(["carier"]).unwrap_err();
/// assert_eq!(error.report(), "column 'carier' not found\nhint: did you mean 'carrier'?");
/// assert!(flights.with_column("x", col("carrier") * 2).is_err());
/// # Ok(()) }
/// ```
impl Frame {
    /// The names of the columns.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// assert_eq!(ctx.sql("SELECT 1 AS one, 'x' AS letter").await?.columns(), ["one", "letter"]);
    /// # Ok(()) }
    /// ```
    pub fn columns(&self) -> Vec<String> {
        self.plan.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// These columns and no others. An expression without [`alias`](Expr::alias) is named as in SQL.
    ///
    /// Errors: a name twice; an aggregate, which [`agg`](Self::agg) takes.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let doubled = ctx.range(0..3)?.select([col("value"), (col("value") * 2).alias("twice")])?;
    /// assert_eq!(doubled.collect_into::<(i64, i64)>().await?, [(0, 0), (1, 2), (2, 4)]);
    /// # Ok(()) }
    /// ```
    pub fn select(&self, columns: impl IntoColumns) -> Result<Self> {
        let exprs = self.values(columns.into_columns())?;
        if exprs.is_empty() {
            return Err(Error::user("a frame wants at least one column"));
        }
        self.project(exprs)
    }

    /// One column more, or another in the place of the one of that name.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let squares = ctx.range(1..4)?.with_column("square", col("value") * col("value"))?;
    /// assert_eq!(squares.collect_into::<(i64, i64)>().await?, [(1, 1), (2, 4), (3, 9)]);
    /// # Ok(()) }
    /// ```
    pub fn with_column(&self, name: impl Into<String>, value: impl Into<Expr>) -> Result<Self> {
        self.with_columns([(name, value)])
    }

    /// Columns more, or others in the place of those of their names. None of the values sees the others.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let tens = ctx.range(1..3)?.with_columns([("value", col("value") * 10), ("before", col("value"))])?;
    /// assert_eq!(tens.collect_into::<(i64, i64)>().await?, [(10, 1), (20, 2)]);
    /// # Ok(()) }
    /// ```
    pub fn with_columns<N: Into<String>, E: Into<Expr>>(
        &self,
        columns: impl IntoIterator<Item = (N, E)>,
    ) -> Result<Self> {
        let (names, values): (Vec<String>, Vec<Expr>) =
            columns.into_iter().map(|(name, value)| (name.into(), value.into())).unzip();
        let mut new: Vec<_> = names.into_iter().zip(self.values(values)?).map(Some).collect();
        if let Some(twice) = repeated(new.iter().flatten().map(|(name, _)| name.as_str())) {
            return Err(Error::user(format!("column '{twice}' is given twice")));
        }
        let kept = self.own_columns().into_iter().map(|old| {
            let same = new.iter_mut().find(|new| new.as_ref().is_some_and(|(name, _)| *name == output_name(&old)));
            same.and_then(Option::take).map_or(old, |(name, value)| value.alias(name))
        });
        let mut exprs: Vec<Engine> = kept.collect();
        exprs.extend(new.into_iter().flatten().map(|(name, value)| value.alias(name)));
        self.project(exprs)
    }

    /// Other names for columns, as pairs of old and new.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// assert_eq!(ctx.range(0..3)?.rename([("value", "n")])?.columns(), ["n"]);
    /// # Ok(()) }
    /// ```
    pub fn rename<O: AsRef<str>, N: Into<String>>(&self, names: impl IntoIterator<Item = (O, N)>) -> Result<Self> {
        let mut exprs = self.own_columns();
        for (old, new) in names {
            let position = self.position(old.as_ref())?;
            exprs[position] = self.own_column(position).alias(new);
        }
        self.project(exprs)
    }

    /// All columns but these.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 1 AS a, 2 AS b, 3 AS c").await?;
    /// assert_eq!(frame.drop(["b"])?.columns(), ["a", "c"]);
    /// # Ok(()) }
    /// ```
    pub fn drop<N: AsRef<str>>(&self, names: impl IntoIterator<Item = N>) -> Result<Self> {
        let dropped = names.into_iter().map(|name| self.position(name.as_ref())).collect::<Result<HashSet<_>>>()?;
        let kept: Vec<_> = (0..self.columns().len()).filter(|position| !dropped.contains(position)).collect();
        if kept.is_empty() {
            return Err(Error::user("a frame wants at least one column, and all are dropped"));
        }
        self.project(kept.into_iter().map(|position| self.own_column(position)).collect())
    }

    /// Columns as other types, as pairs of name and type; a value that does not fit is an error of the run.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let texts = ctx.sql("SELECT '7' AS n, '2.5' AS x").await?;
    /// let numbers = texts.cast([("n", DataType::Int64), ("x", DataType::Float64)])?;
    /// assert_eq!(numbers.collect_into::<(i64, f64)>().await?, [(7, 2.5)]);
    /// # Ok(()) }
    /// ```
    pub fn cast<N: AsRef<str>>(&self, types: impl IntoIterator<Item = (N, DataType)>) -> Result<Self> {
        let mut exprs = self.own_columns();
        for (name, kind) in types {
            let position = self.position(name.as_ref())?;
            exprs[position] = Expr(self.own_column(position)).cast(kind).0.alias(name.as_ref());
        }
        exprs.iter().try_for_each(|expr| checked(expr, self.plan.schema()).map(|_| ()))?;
        self.project(exprs)
    }

    /// The same frame by a name of SQL's: its columns can be said as `name.column` where two frames have the same ones.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..3)?;
    /// let (a, b) = (numbers.alias("a")?, numbers.alias("b")?);
    /// let pairs = a.join(&b, Join::inner(col("a.value").lt(col("b.value"))))?;
    /// assert_eq!(pairs.columns(), ["value", "value_right"]);
    /// assert_eq!(pairs.count().await?, 3);
    /// # Ok(()) }
    /// ```
    pub fn alias(&self, name: impl Into<String>) -> Result<Self> {
        let name = datafusion::common::TableReference::bare(name.into());
        Ok(self.with_plan(LogicalPlanBuilder::from(self.plan.clone()).alias(name)?.build()?))
    }

    /// The values as the engine's expressions over this frame: names found, types checked, a value for every row.
    pub(super) fn values(&self, values: Vec<Expr>) -> Result<Vec<Engine>> {
        let exprs = self.resolved(values)?;
        expect_rows(&exprs)?;
        exprs.iter().try_for_each(|expr| checked(expr, self.plan.schema()).map(|_| ()))?;
        Ok(exprs)
    }

    pub(super) fn resolved(&self, exprs: Vec<Expr>) -> Result<Vec<Engine>> {
        engines(exprs).into_iter().map(|expr| resolve(expr, self.plan.schema())).collect()
    }

    /// The frame of these expressions.
    pub(super) fn project(&self, exprs: Vec<Engine>) -> Result<Self> {
        Ok(self.with_plan(project(self.plan.clone(), exprs)?))
    }

    /// The columns as expressions, each with its table.
    pub(super) fn own_columns(&self) -> Vec<Engine> {
        self.plan.schema().columns().into_iter().map(Engine::Column).collect()
    }

    pub(super) fn own_column(&self, position: usize) -> Engine {
        Engine::Column(Column::from(self.plan.schema().qualified_field(position)))
    }

    /// The place of a column by its name.
    pub(super) fn position(&self, name: &str) -> Result<usize> {
        let schema = self.plan.schema();
        match resolve(super::expression::col(name).0, schema)? {
            Engine::Column(column) => Ok(schema.index_of_column(&column)?),
            _ => Err(unknown(name, schema)),
        }
    }

    pub(super) fn with_plan(&self, plan: LogicalPlan) -> Self {
        Self::new(self.context.clone(), plan)
    }

    pub(super) fn shared_plan(&self) -> Arc<LogicalPlan> {
        Arc::new(self.plan.clone())
    }
}

/// A projection, with the windows that its expressions ask for below it, as SQL plans a select list.
pub(super) fn project(plan: LogicalPlan, exprs: Vec<Engine>) -> Result<LogicalPlan> {
    if let Some(twice) = repeated(exprs.iter().map(output_name).collect::<Vec<_>>().iter().map(String::as_str)) {
        let error = Error::user(format!("two columns are named '{twice}'"));
        return Err(error.with_hint("give one of them another name: .alias(…)"));
    }
    let (plan, exprs) = with_windows(plan, exprs)?;
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}

/// The plan with the windows that the expressions ask for, and the expressions over their columns.
pub(super) fn with_windows(plan: LogicalPlan, exprs: Vec<Engine>) -> Result<(LogicalPlan, Vec<Engine>)> {
    let windows = find_window_exprs(&exprs);
    if windows.is_empty() {
        return Ok((plan, exprs));
    }
    let plan = LogicalPlanBuilder::window_plan(plan, windows)?;
    let exprs = exprs.into_iter().map(|expr| columnize_expr(expr, &plan)).collect::<datafusion::error::Result<_>>()?;
    Ok((plan, exprs))
}

/// The first name that stands there a second time.
pub(super) fn repeated<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}
