//! Functions that look at other rows: windows.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::functions_aggregate::{average, count, first_last, min_max, sum};
use datafusion::functions_window::{lead_lag, ntile as ntiles, rank as ranks, row_number as row_numbers};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    AggregateUDF, Expr as Engine, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition, WindowUDF,
};
use datafusion::scalar::ScalarValue;

use super::order::sorts;
use super::{Expr, IntoColumns, IntoOrders, engines, lit, when};

/// Windows. Rows of a frame have no order of their own: all of these but plain aggregates want an order in
/// [`over`](Expr::over).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let days = ctx.sql("SELECT * FROM (VALUES (1, 10.0), (2, 14.0), (3, 9.0), (4, NULL)) AS t (day, price)").await?;
/// let price = || col("price");
/// let frame = days.with_columns([
///     ("before", price().shift(1).over((), "day")),
///     ("change", price().diff(1).over((), "day")),
///     ("mean_of_2", price().rolling_mean(2).over((), "day")),
///     ("sum_of_2", price().rolling_sum(2).over((), "day")),
///     ("low", price().rolling_min(2).over((), "day")),
///     ("high", price().rolling_max(2).over((), "day")),
///     ("so_far", price().cumsum().over((), "day")),
///     ("lowest", price().cummin().over((), "day")),
///     ("highest", price().cummax().over((), "day")),
///     ("known", price().cumcount().over((), "day")),
///     ("share", price() / sum("price").over((), ())),
/// ])?;
/// datafusion::assert_batches_eq!(
///     ["+-----+--------+-----------+--------+",
///      "| day | change | mean_of_2 | so_far |",
///      "+-----+--------+-----------+--------+",
///      "| 1   |        |           | 10.0   |",
///      "| 2   | 4.0    | 12.0      | 24.0   |",
///      "| 3   | -5.0   | 11.5      | 33.0   |",
///      "| 4   |        |           | 33.0   |",
///      "+-----+--------+-----------+--------+"],
///     &frame.sort("day")?.select(["day", "change", "mean_of_2", "so_far"])?.compute().await?
/// );
/// # Ok(()) }
/// ```
impl Expr {
    /// Gives the aggregates and window functions inside their rows: those with equal `partition_by`, in the order
    /// `order_by`; `()` for none. An aggregate with an order runs over the rows up to this one and its equals, as in
    /// SQL.
    ///
    /// An expression with no such function inside stays as it is.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES ('a', 1), ('a', 3), ('b', 5)) AS t (team, n)").await?;
    /// let frame = frame.select([col("n"), sum("n").over("team", ()).alias("of_team")])?.sort("n")?;
    /// let values: Vec<(i64, i64)> = frame.collect_into().await?;
    /// assert_eq!(values, [(1, 4), (3, 4), (5, 5)]);
    /// # Ok(()) }
    /// ```
    pub fn over(self, partition_by: impl IntoColumns, order_by: impl IntoOrders) -> Self {
        let (partition_by, order_by) = (engines(partition_by.into_columns()), sorts(order_by));
        let given = |function: WindowFunction| {
            let mut function = function;
            if function.params.window_frame == whole() {
                function.params.window_frame = WindowFrame::new((!order_by.is_empty()).then_some(false));
            }
            let (partition_by, order_by) = (partition_by.clone(), order_by.clone());
            function.params = WindowFunctionParams { partition_by, order_by, ..function.params };
            Transformed::new(Engine::from(function), true, TreeNodeRecursion::Jump)
        };
        self.map(|expr| match expr {
            Engine::WindowFunction(function) if is_free(&function) => given(*function),
            Engine::AggregateFunction(aggregate) => given(windowed(aggregate)),
            other => Transformed::no(other),
        })
    }

    /// Of an aggregate: over the rows where `condition` holds alone. Of any other value: NULL where it does not hold.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(0..5)?;
    /// let values: Vec<(i64,)> = frame.agg(sum("value").filter(col("value").gt(2)))?.collect_into().await?;
    /// assert_eq!(values, [(7,)]);
    /// # Ok(()) }
    /// ```
    pub fn filter(self, condition: impl Into<Self>) -> Self {
        let condition = condition.into();
        let mut found = false;
        let filtered = self.clone().map(|expr| match expr {
            Engine::AggregateFunction(mut aggregate) => {
                found = true;
                let filter = aggregate.params.filter.take().map(|old| (*old).and(condition.0.clone()));
                aggregate.params.filter = Some(Box::new(filter.unwrap_or_else(|| condition.0.clone())));
                Transformed::new(Engine::AggregateFunction(aggregate), true, TreeNodeRecursion::Jump)
            }
            other => Transformed::no(other),
        });
        if found { filtered } else { when(condition).then(self).end() }
    }

    /// The value `rows` rows before, or behind where `rows` is negative; NULL where there is none.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("before", col("value").shift(1).over((), "value"))?;
    /// let values: Vec<(i64, Option<i64>)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, None), (2, Some(1)), (3, Some(2))]);
    /// # Ok(()) }
    /// ```
    pub fn shift(self, rows: i64) -> Self {
        let function = if rows < 0 { lead_lag::lead_udwf() } else { lead_lag::lag_udwf() };
        window(function, vec![self.0, lit(rows.saturating_abs()).0])
    }

    /// The value less that of `rows` rows before.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("change", (col("value") * col("value")).diff(1).over((), "value"))?;
    /// let values: Vec<(i64, Option<i64>)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, None), (2, Some(3)), (3, Some(5))]);
    /// # Ok(()) }
    /// ```
    pub fn diff(self, rows: i64) -> Self {
        self.clone() - self.shift(rows)
    }

    /// The mean of this row's value and those of the `rows - 1` rows before; NULL until there are so many, and where one
    /// of them is NULL, as in pandas.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("mean_of_2", col("value").rolling_mean(2).over((), "value"))?;
    /// let values: Vec<(i64, Option<f64>)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, None), (2, Some(1.5)), (3, Some(2.5))]);
    /// # Ok(()) }
    /// ```
    pub fn rolling_mean(self, rows: u32) -> Self {
        self.rolling(average::avg_udaf(), rows)
    }

    /// The sum of the last values; NULLs as for [`rolling_mean`](Self::rolling_mean).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("sum_of_2", col("value").rolling_sum(2).over((), "value"))?;
    /// let values: Vec<(i64, Option<i64>)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, None), (2, Some(3)), (3, Some(5))]);
    /// # Ok(()) }
    /// ```
    pub fn rolling_sum(self, rows: u32) -> Self {
        self.rolling(sum::sum_udaf(), rows)
    }

    /// The least of the last values; NULLs as for [`rolling_mean`](Self::rolling_mean).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("low", col("value").rolling_min(2).over((), "value"))?;
    /// let values: Vec<(i64, Option<i64>)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, None), (2, Some(1)), (3, Some(2))]);
    /// # Ok(()) }
    /// ```
    pub fn rolling_min(self, rows: u32) -> Self {
        self.rolling(min_max::min_udaf(), rows)
    }

    /// The greatest of the last values; NULLs as for [`rolling_mean`](Self::rolling_mean).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("high", col("value").rolling_max(2).over((), "value"))?;
    /// let values: Vec<(i64, Option<i64>)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, None), (2, Some(2)), (3, Some(3))]);
    /// # Ok(()) }
    /// ```
    pub fn rolling_max(self, rows: u32) -> Self {
        self.rolling(min_max::max_udaf(), rows)
    }

    /// The sum of all values up to this row, NULLs left out.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("so_far", col("value").cumsum().over((), "value"))?;
    /// let values: Vec<(i64, i64)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, 1), (2, 3), (3, 6)]);
    /// # Ok(()) }
    /// ```
    pub fn cumsum(self) -> Self {
        self.framed(sum::sum_udaf(), None)
    }

    /// The least value up to this row.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("lowest", (col("value") % 3).cummin().over((), "value"))?;
    /// let values: Vec<(i64, i64)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, 1), (2, 1), (3, 0)]);
    /// # Ok(()) }
    /// ```
    pub fn cummin(self) -> Self {
        self.framed(min_max::min_udaf(), None)
    }

    /// The greatest value up to this row.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("highest", (col("value") % 3).cummax().over((), "value"))?;
    /// let values: Vec<(i64, i64)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, 1), (2, 2), (3, 2)]);
    /// # Ok(()) }
    /// ```
    pub fn cummax(self) -> Self {
        self.framed(min_max::max_udaf(), None)
    }

    /// The number of values up to this row, NULLs left out.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.range(1..4)?.with_column("known", col("value").null_if(2).cumcount().over((), "value"))?;
    /// let values: Vec<(i64, i64)> = frame.sort("value")?.collect_into().await?;
    /// assert_eq!(values, [(1, 1), (2, 1), (3, 2)]);
    /// # Ok(()) }
    /// ```
    pub fn cumcount(self) -> Self {
        self.framed(count::count_udaf(), None)
    }

    /// The last value up to this row of the rows where `condition` holds, NULL or not.
    pub(in crate::frame) fn last_so_far(self, condition: Self) -> Self {
        let Self(expr) = self.framed(first_last::last_value_udaf(), None);
        Self(match expr {
            Engine::WindowFunction(mut function) => {
                function.params.filter = Some(Box::new(condition.0));
                Engine::WindowFunction(function)
            }
            other => other,
        })
    }

    fn rolling(self, function: Arc<AggregateUDF>, rows: u32) -> Self {
        let before = Some(u64::from(rows.saturating_sub(1)));
        let complete = self.clone().framed(count::count_udaf(), before).eq(rows.max(1));
        when(complete).then(self.framed(function, before)).end()
    }

    /// Over the rows from `before` rows before, all of them for none, to this one.
    fn framed(self, function: Arc<AggregateUDF>, before: Option<u64>) -> Self {
        let start = WindowFrameBound::Preceding(ScalarValue::UInt64(before));
        let mut function = WindowFunction::new(function, vec![self.0]);
        function.params.window_frame =
            WindowFrame::new_bounds(WindowFrameUnits::Rows, start, WindowFrameBound::CurrentRow);
        Self(function.into())
    }

    fn map(self, change: impl FnMut(Engine) -> Transformed<Engine>) -> Self {
        let mut change = change;
        // The change never fails, and so neither does the walk.
        self.0.clone().transform_down(|expr| Ok(change(expr))).map_or(self, |changed| Self(changed.data))
    }
}

/// The number of a row in its order, from 1, in any order among equals.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let points = ctx.sql("SELECT * FROM (VALUES ('a', 5), ('a', 5), ('a', 3), ('b', 1)) AS t (team, points)").await?;
/// let best = points.filter(row_number().over("team", col("points").descending()).eq(1))?;
/// let ranks = [rank(), dense_rank(), percent_rank(), ntile(2)].map(|f| f.over("team", col("points").descending()));
/// assert_eq!(best.compute().await?.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
/// # points.select(ranks)?.compute().await?;
/// # Ok(()) }
/// ```
pub fn row_number() -> Expr {
    window(row_numbers::row_number_udwf(), vec![])
}

/// The rank of a row in its order, from 1, with gaps behind equals; see [`row_number`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT * FROM (VALUES (5), (5), (3)) AS t (points)").await?;
/// let ranked = frame.with_column("rank", rank().over((), col("points").descending()))?.sort("rank")?;
/// let values: Vec<(i64, i64)> = ranked.collect_into().await?;
/// assert_eq!(values, [(5, 1), (5, 1), (3, 3)]);
/// # Ok(()) }
/// ```
pub fn rank() -> Expr {
    window(ranks::rank_udwf(), vec![])
}

/// The rank of a row in its order, from 1, without gaps; see [`row_number`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT * FROM (VALUES (5), (5), (3)) AS t (points)").await?;
/// let ranked = frame.with_column("rank", dense_rank().over((), col("points").descending()))?.sort("rank")?;
/// let values: Vec<(i64, i64)> = ranked.collect_into().await?;
/// assert_eq!(values, [(5, 1), (5, 1), (3, 2)]);
/// # Ok(()) }
/// ```
pub fn dense_rank() -> Expr {
    window(ranks::dense_rank_udwf(), vec![])
}

/// The rank of a row as a share from 0 to 1; see [`row_number`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.range(0..3)?.with_column("share", percent_rank().over((), "value"))?;
/// let values: Vec<(i64, f64)> = frame.sort("value")?.collect_into().await?;
/// assert_eq!(values, [(0, 0.0), (1, 0.5), (2, 1.0)]);
/// # Ok(()) }
/// ```
pub fn percent_rank() -> Expr {
    window(ranks::percent_rank_udwf(), vec![])
}

/// The number, from 1, of the one of `buckets` equal parts that a row falls into; see [`row_number`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.range(0..4)?.with_column("half", ntile(2).over((), "value"))?;
/// let values: Vec<(i64, i64)> = frame.sort("value")?.collect_into().await?;
/// assert_eq!(values, [(0, 1), (1, 1), (2, 2), (3, 2)]);
/// # Ok(()) }
/// ```
pub fn ntile(buckets: u32) -> Expr {
    window(ntiles::ntile_udwf(), vec![lit(buckets).0])
}

fn window(function: Arc<WindowUDF>, args: Vec<Engine>) -> Expr {
    Expr(WindowFunction::new(function, args).into())
}

fn windowed(aggregate: AggregateFunction) -> WindowFunction {
    let mut function = WindowFunction::new(aggregate.func, aggregate.params.args);
    function.params.filter = aggregate.params.filter;
    function.params.distinct = aggregate.params.distinct;
    function.params.null_treatment = aggregate.params.null_treatment;
    function
}

/// Whether `over` has not been called on it.
fn is_free(function: &WindowFunction) -> bool {
    function.params.partition_by.is_empty() && function.params.order_by.is_empty()
}

/// The frame of an aggregate without an order.
fn whole() -> WindowFrame {
    WindowFrame::new(None)
}

/// Whether a function has no meaning without an order, and has none.
pub(super) fn wants_order(function: &WindowFunction) -> bool {
    let needs = matches!(function.fun, WindowFunctionDefinition::WindowUDF(_));
    (needs || function.params.window_frame != whole()) && function.params.order_by.is_empty()
}
