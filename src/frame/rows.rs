//! The rows of a frame: which, and in what order.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr as Engine, LogicalPlan, LogicalPlanBuilder, SortExpr, lit};

use super::Frame;
use super::columns::with_windows;
use super::expression::{Expr, IntoColumns, IntoOrders, check_condition, checked, expect_rows, resolve, sorts};
use super::sample::{check_fraction, is_sampled};
use crate::error::{Error, Result};

/// Rows.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// async fn rows(frame: &Frame) -> partita::Result<usize> {
///     Ok(frame.compute().await?.iter().map(|batch| batch.num_rows()).sum())
/// }
/// let ctx = Context::builder().build()?;
/// let numbers = ctx.range(0..1000)?.with_column("digit", col("value") % 10)?;
/// let sorted = numbers.filter(col("digit").gt(3))?.sort([col("digit").descending(), col("value").ascending()])?;
/// assert_eq!(rows(&sorted.head(5)?).await?, rows(&sorted.tail(5)?).await?);
/// assert_eq!(rows(&sorted.offset(590)?.limit(100)?).await?, 10);
/// assert_eq!(rows(&numbers.select(["digit"])?.distinct()?).await?, 10);
/// assert_eq!(rows(&numbers.distinct_on("digit", col("value").descending())?).await?, 10);
/// let sample = numbers.sample(0.1, 7)?;
/// assert_eq!(rows(&sample).await?, rows(&sample).await?);
/// let gaps = numbers.with_column("gap", col("digit").null_if(0))?;
/// assert_eq!(rows(&gaps.drop_nulls(())?).await?, 900);
/// assert_eq!(rows(&gaps.fill_null(0)?.drop_nulls("gap")?).await?, 1000);
/// # Ok(()) }
/// ```
impl Frame {
    /// The rows for which `condition` is true: neither false nor NULL. Window functions may stand in it.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..10)?.filter(col("value").gt(6))?;
    /// assert_eq!(frame.collect_into::<(i64,)>().await?, [(7,), (8,), (9,)]);
    /// # Ok(()) }
    /// ```
    pub fn filter(&self, condition: impl Into<Expr>) -> Result<Self> {
        let condition = resolve(condition.into().0, self.plan.schema())?;
        expect_rows(std::slice::from_ref(&condition))?;
        check_condition(&condition, self.plan.schema())?;
        self.around_windows(vec![condition], |plan, mut conditions| match conditions.pop() {
            Some(condition) => Ok(plan.filter(condition)?),
            None => Ok(plan),
        })
    }

    /// All rows in an order, which holds for what follows as long as it keeps the rows where they are: [`limit`],
    /// [`tail`], [`filter`], [`select`] and writing into one file. Joins, groupings and others do not.
    ///
    /// [`limit`]: Self::limit
    /// [`tail`]: Self::tail
    /// [`filter`]: Self::filter
    /// [`select`]: Self::select
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let down = ctx.range(0..3)?.sort(col("value").descending())?;
    /// assert_eq!(down.collect_into::<(i64,)>().await?, [(2,), (1,), (0,)]);
    /// # Ok(()) }
    /// ```
    pub fn sort(&self, order: impl IntoOrders) -> Result<Self> {
        let order = self.orders(order)?;
        if order.is_empty() {
            return Ok(self.clone());
        }
        let exprs = order.iter().map(|sort| sort.expr.clone()).collect();
        self.with_plan(unsorted(&self.plan)?).around_windows(exprs, |plan, exprs| {
            Ok(plan.sort(order.iter().zip(exprs).map(|(sort, expr)| sort.with_expr(expr)))?)
        })
    }

    /// The first `rows` rows; of a frame without an order, any.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..10)?.sort("value")?.limit(2)?;
    /// assert_eq!(frame.collect_into::<(i64,)>().await?, [(0,), (1,)]);
    /// # Ok(()) }
    /// ```
    pub fn limit(&self, rows: usize) -> Result<Self> {
        Ok(self.with_plan(LogicalPlanBuilder::from(self.plan.clone()).limit(0, Some(rows))?.build()?))
    }

    /// The rows behind the first `rows`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..10)?.sort("value")?.offset(8)?;
    /// assert_eq!(frame.collect_into::<(i64,)>().await?, [(8,), (9,)]);
    /// # Ok(()) }
    /// ```
    pub fn offset(&self, rows: usize) -> Result<Self> {
        Ok(self.with_plan(LogicalPlanBuilder::from(self.plan.clone()).limit(rows, None)?.build()?))
    }

    /// The first `rows` rows, exactly so many where there are so many: the [`limit`](Self::limit) by pandas' name.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..10)?.sort(col("value").descending())?.head(2)?;
    /// assert_eq!(frame.collect_into::<(i64,)>().await?, [(9,), (8,)]);
    /// # Ok(()) }
    /// ```
    pub fn head(&self, rows: usize) -> Result<Self> {
        self.limit(rows)
    }

    /// The last `rows` rows of a sorted frame, in its order.
    ///
    /// They are the first ones of the opposite order, whatever the partitions are: nothing but `rows` rows is held.
    ///
    /// Errors: a frame that has not been sorted, whose rows have no last one.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..10)?.sort("value")?.tail(2)?;
    /// assert_eq!(frame.collect_into::<(i64,)>().await?, [(8,), (9,)]);
    /// # Ok(()) }
    /// ```
    pub fn tail(&self, rows: usize) -> Result<Self> {
        Ok(self.with_plan(tail(&self.plan, rows)?))
    }

    /// About the share `fraction`, from 0 to 1, of the rows: always the same for the same `seed`.
    ///
    /// Whether a row is in the sample follows from a hash of its values and of nothing else, not its place, its file or
    /// its partition, so that a sample is the same however often and in however many partitions it is taken. Equal rows
    /// are in it all together or not at all: a frame of few different rows has no sample of its share. All columns are
    /// read.
    ///
    /// Errors: a fraction below 0 or above 1.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10_000)?;
    /// let rows = numbers.sample(0.1, 7)?.count().await?;
    /// assert!((800..1200).contains(&rows));
    /// assert_eq!(numbers.repartition(3)?.sample(0.1, 7)?.count().await?, rows);
    /// # Ok(()) }
    /// ```
    pub fn sample(&self, fraction: f64, seed: u64) -> Result<Self> {
        check_fraction(fraction)?;
        let condition = is_sampled(self.own_columns(), fraction, seed);
        Ok(self.with_plan(LogicalPlanBuilder::from(self.plan.clone()).filter(condition)?.build()?))
    }

    /// Every row once.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let rests = ctx.range(0..10)?.select([(col("value") % 3).alias("rest")])?;
    /// assert_eq!(rests.distinct()?.count().await?, 3);
    /// # Ok(()) }
    /// ```
    pub fn distinct(&self) -> Result<Self> {
        Ok(self.with_plan(LogicalPlanBuilder::from(self.plan.clone()).distinct()?.build()?))
    }

    /// One row for every combination of values of `columns`: the first in an order, any for `()`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let points = ctx.sql("SELECT * FROM (VALUES (1, 10), (1, 50), (2, 30)) AS t (team, points)").await?;
    /// let best = points.distinct_on("team", col("points").descending())?;
    /// let mut best: Vec<(i64, i64)> = best.collect_into().await?;
    /// best.sort();
    /// assert_eq!(best, [(1, 50), (2, 30)]);
    /// # Ok(()) }
    /// ```
    pub fn distinct_on(&self, columns: impl IntoColumns, order_by: impl IntoOrders) -> Result<Self> {
        let on = self.values(columns.into_columns())?;
        if on.is_empty() {
            return Err(Error::user("distinct_on wants columns").with_hint("distinct() takes all of them"));
        }
        let order = self.orders(order_by)?;
        // The engine wants the order to begin with the columns themselves.
        let order =
            (!order.is_empty()).then(|| on.iter().map(|on| on.clone().sort(true, false)).chain(order).collect());
        let plan = LogicalPlanBuilder::from(self.plan.clone()).distinct_on(on, self.own_columns(), order)?.build()?;
        Ok(self.with_plan(plan))
    }

    /// The rows without NULL in these columns, in none at all for `()`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let gaps = ctx.sql("SELECT * FROM (VALUES (1, 'x'), (2, NULL), (NULL, 'z')) AS t (n, word)").await?;
    /// assert_eq!(gaps.drop_nulls("n")?.count().await?, 2);
    /// assert_eq!(gaps.drop_nulls(())?.count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn drop_nulls(&self, columns: impl IntoColumns) -> Result<Self> {
        let columns = columns.into_columns();
        let columns = if columns.is_empty() { self.own_columns() } else { self.values(columns)? };
        match columns.into_iter().map(Engine::is_not_null).reduce(Engine::and) {
            Some(condition) => self.filter(Expr(condition)),
            None => Ok(self.clone()),
        }
    }

    /// A value in the place of NULL, in all columns of its kind: a number in those of numbers, text in those of text, and
    /// so on. [`Expr::fill_null`] fills one column.
    ///
    /// Errors: a value whose kind no column has.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let gaps = ctx.sql("SELECT * FROM (VALUES (1), (NULL), (3)) AS t (n)").await?;
    /// assert_eq!(gaps.fill_null(0)?.collect_into::<(i64,)>().await?, [(1,), (0,), (3,)]);
    /// # Ok(()) }
    /// ```
    pub fn fill_null(&self, value: impl Into<Expr>) -> Result<Self> {
        let value = value.into();
        let kind = checked(&resolve(value.0.clone(), self.plan.schema())?, self.plan.schema())?;
        let fields = self.plan.schema().fields().iter();
        let fitting: Vec<_> =
            fields.filter(|field| same_kind(field.data_type(), &kind)).map(|f| f.name().clone()).collect();
        if fitting.is_empty() {
            return Err(Error::user(format!("no column takes {value} in the place of NULL")));
        }
        self.with_columns(fitting.iter().map(|name| (name, super::expression::col(name).fill_null(value.clone()))))
    }

    pub(super) fn orders(&self, orders: impl IntoOrders) -> Result<Vec<SortExpr>> {
        let order = sorts(orders).into_iter().map(|sort| {
            let expr = resolve(sort.expr.clone(), self.plan.schema())?;
            expect_rows(std::slice::from_ref(&expr))?;
            checked(&expr, self.plan.schema())?;
            Ok(sort.with_expr(expr))
        });
        order.collect()
    }

    /// Builds on the plan with the windows of `exprs` in it, and takes their columns away again.
    fn around_windows(
        &self,
        exprs: Vec<Engine>,
        build: impl FnOnce(LogicalPlanBuilder, Vec<Engine>) -> Result<LogicalPlanBuilder>,
    ) -> Result<Self> {
        let columns = self.plan.schema().fields().len();
        let (plan, exprs) = with_windows(self.plan.clone(), exprs)?;
        let has_windows = plan.schema().fields().len() > columns;
        let built = build(LogicalPlanBuilder::from(plan), exprs)?;
        let built = if has_windows { built.project(self.own_columns())? } else { built };
        Ok(self.with_plan(built.build()?))
    }
}

/// Whether a value of one type fills gaps in a column of the other.
fn same_kind(column: &DataType, value: &DataType) -> bool {
    let text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let number = |kind: &DataType| kind.is_numeric();
    let time = |kind: &DataType| matches!(kind, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    column == value || [text, number, time].iter().any(|is| is(column) && is(value))
}

/// What is sorted the other way round, cut and sorted again. Above a projection it is the projection of the tail.
fn tail(plan: &LogicalPlan, rows: usize) -> Result<LogicalPlan> {
    if let LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) = plan {
        let inputs = plan.inputs().into_iter().map(|input| tail(input, rows)).collect::<Result<_>>()?;
        return Ok(plan.with_new_exprs(plan.expressions(), inputs)?);
    }
    let order = order(plan).ok_or_else(|| {
        let error = Error::user("a frame without an order has no last rows");
        error.with_hint("sort it: frame.sort(\"time\")?.tail(10)?")
    })?;
    let reversed = order.iter().map(SortExpr::reverse).collect::<Vec<_>>();
    let last = LogicalPlanBuilder::from(unsorted(plan)?).sort(reversed)?.limit_by_expr(None, Some(lit(rows as i64)))?;
    Ok(last.sort(order)?.build()?)
}

/// The plan without the order that another one is to replace. Nested sorts of which some are cut come out of the engine
/// with the wrong number of rows.
fn unsorted(plan: &LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => unsorted(&sort.input),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) => {
            let inputs = plan.inputs().into_iter().map(unsorted).collect::<Result<_>>()?;
            Ok(plan.with_new_exprs(plan.expressions(), inputs)?)
        }
        other => Ok(other.clone()),
    }
}

/// The order that the rows of a plan are in, over its own columns.
fn order(plan: &LogicalPlan) -> Option<Vec<SortExpr>> {
    match plan {
        LogicalPlan::Sort(sort) => Some(sort.expr.clone()),
        LogicalPlan::Filter(filter) => order(&filter.input),
        LogicalPlan::Limit(limit) => order(&limit.input),
        _ => None,
    }
}
