//! The lazy dataframe: a logical plan with the context it will run in.

mod apply;
mod asof;
mod columns;
mod compute;
mod describe;
mod explain;
pub mod expression;
mod from;
mod group;
mod join;
mod join_names;
mod kept;
mod partitions;
mod persist;
mod recipe;
mod reshape;
mod rows;
mod sample;
mod set;
#[cfg(test)]
mod tests;
mod together;
mod values;
mod write;

use std::fmt;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::LogicalPlan;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::context::Context;
use crate::error::Result;
use crate::report::Run;

pub use asof::{AsOf, Times};
pub use group::GroupBy;
pub use join::{Join, On};
pub use together::compute_all;
pub use write::Write;

/// A lazy dataframe. Building, cloning and combining frames runs nothing; [`run`](Frame::run),
/// [`compute`](Frame::compute) and their siblings do.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// let ctx = partita::Context::builder().build()?;
/// let frame = ctx.sql("SELECT 1 AS one").await?;
/// assert_eq!(frame.schema().field(0).name(), "one");
/// assert_eq!(frame.compute().await?[0].num_rows(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Frame {
    context: Context,
    plan: LogicalPlan,
}

impl Frame {
    pub(crate) fn new(context: Context, plan: LogicalPlan) -> Self {
        Self { context, plan }
    }

    /// The context the frame will run in.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = Context::builder().threads(2).build()?;
    /// assert_eq!(ctx.range(0..3)?.context().threads(), 2);
    /// # Ok(()) }
    /// ```
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The logical plan as it was built, before any rule has seen it.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let large = ctx.range(0..9)?.filter(col("value").gt(3))?;
    /// assert!(large.logical_plan().display_indent().to_string().starts_with("Filter: "));
    /// # Ok(()) }
    /// ```
    pub fn logical_plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The logical plan as the rules leave it, without running anything. The same question asked in SQL and by calls has
    /// the same one.
    ///
    /// Errors: what planning finds.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// use partita::prelude::*;
    /// let ctx = Context::builder().build()?;
    /// let by_calls = ctx.range(0..9)?.filter(col("value").gt(3) & col("value").gt(5))?;
    /// let by_sql = ctx.sql("SELECT value FROM range(0, 9) WHERE value > 3 AND value > 5").await?;
    /// assert_eq!(by_calls.optimized_plan()?.to_string(), by_sql.optimized_plan()?.to_string());
    /// # Ok(()) }
    /// ```
    pub fn optimized_plan(&self) -> Result<LogicalPlan> {
        Ok(self.context.session().state().optimize(&self.plan)?)
    }

    /// Names, types and nullability of the columns.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let schema = ctx.sql("SELECT 1 AS n").await?.schema();
    /// assert_eq!(schema.field(0).data_type(), &DataType::Int64);
    /// # Ok(()) }
    /// ```
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(self.plan.schema().inner())
    }

    /// Optimizes the plan and starts it. The [`Run`] is a stream of batches; dropping it cancels the query.
    ///
    /// Errors: what planning finds. What goes wrong later comes out of the stream.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use futures::TryStreamExt;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut run = ctx.range(0..20_000)?.run().await?;
    /// while let Some(batch) = run.try_next().await? {
    ///     assert!(batch.num_rows() <= 8192);
    /// }
    /// assert_eq!(run.figures().rows, 20_000);
    /// # Ok(()) }
    /// ```
    pub async fn run(&self) -> Result<Run> {
        Run::start(&self.context, self.plan.clone()).await
    }

    /// Runs the frame as a plain stream of batches; dropping it ends the query.
    ///
    /// ```
    /// # use futures::TryStreamExt;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = partita::Context::builder().build()?;
    /// let stream = ctx.sql("SELECT * FROM generate_series(1, 20000)").await?.stream().await?;
    /// let rows = stream.try_fold(0, |sum, batch| async move { Ok(sum + batch.num_rows()) }).await?;
    /// assert_eq!(rows, 20_000);
    /// # Ok(()) }
    /// ```
    pub async fn stream(&self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        Ok(self.run().await?.boxed())
    }

    /// Runs the frame and holds all its batches, of at most the context's batch size (8,192 rows) each.
    ///
    /// The rows are held outside the budget by whoever asked for them: for results that may not fit use
    /// [`run`](Frame::run) or write them to a file.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let batches = ctx.range(0..10)?.compute().await?;
    /// assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 10);
    /// # Ok(()) }
    /// ```
    pub async fn compute(&self) -> Result<Vec<RecordBatch>> {
        self.run().await?.try_collect().await
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame\n{}", self.plan.display_indent())
    }
}
