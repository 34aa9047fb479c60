//! A running query: a stream of batches with live figures and a way to end it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Instant;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result as EngineResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{Stream, StreamExt};

use super::{Figures, Monitor};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::function::{Scope, files_of_calls};
use crate::operator::CancelFlag;
use crate::plan::cancellable_joins;

/// A running query. It yields batches as they are made; dropping it ends the query.
///
/// ```
/// # use futures::StreamExt;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// let ctx = partita::Context::builder().build()?;
/// let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
/// while let Some(batch) = run.next().await {
///     assert!(batch?.num_rows() > 0);
/// }
/// assert_eq!(run.figures().rows, 3);
/// # Ok(()) }
/// ```
pub struct Run {
    monitor: Monitor,
    stream: Option<SendableRecordBatchStream>,
    schema: SchemaRef,
}

impl Run {
    pub(crate) async fn start(context: &Context, plan: LogicalPlan) -> Result<Self> {
        Self::start_with(context, plan, Ok).await
    }

    /// Starts what `change` makes of the physical plan.
    pub(crate) async fn start_with(
        context: &Context,
        plan: LogicalPlan,
        change: impl FnOnce(Arc<dyn ExecutionPlan>) -> EngineResult<Arc<dyn ExecutionPlan>>,
    ) -> Result<Self> {
        let started = Instant::now();
        let mut state = context.session().state();
        let memory = context.shared_memory();
        memory.budget.expect_statement();
        memory.budget.reset_peak();
        let cancelled = CancelFlag::default();
        let scope = Scope::new(cancelled.clone());
        state.config_mut().options_mut().extensions.insert(scope.clone());
        state.mark_start_execution();
        let plan = cancellable_joins(change(state.create_physical_plan(&plan).await?)?, &cancelled)?;
        scope.know_files(files_of_calls(&plan)?);
        let task = Arc::new(TaskContext::from(&state));
        let stream = execute_stream(Arc::clone(&plan), task)?;
        let monitor = Monitor::new(memory, plan, started, cancelled, scope);
        Ok(Self { monitor, schema: stream.schema(), stream: Some(stream) })
    }

    /// Names and types of the columns.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// let run = ctx.sql("SELECT 1 AS a, 2 AS b").await?.run().await?;
    /// assert_eq!(run.schema().field(1).name(), "b");
    /// # Ok(()) }
    /// ```
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// A handle that tells the figures while the run itself is being read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// # use futures::StreamExt;
    /// let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
    /// let monitor = run.monitor();
    /// while let Some(batch) = run.next().await {
    ///     println!("{} rows, {} so far", batch?.num_rows(), monitor.figures().rows);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// What the query tells of itself now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// # use futures::StreamExt;
    /// let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
    /// while let Some(batch) = run.next().await { batch?; }
    /// assert_eq!(run.figures().rows, 3);
    /// # Ok(()) }
    /// ```
    pub fn figures(&self) -> Figures {
        self.monitor.figures()
    }

    /// Ends the query: its tasks stop, its memory and spill files go. The stream then yields a cancelled error.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// # use futures::StreamExt;
    /// let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
    /// run.cancel();
    /// assert!(run.next().await.unwrap().unwrap_err().is_cancelled());
    /// # Ok(()) }
    /// ```
    pub fn cancel(&mut self) {
        self.monitor.cancel();
        self.stream = None;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Stream for Run {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        if self.monitor.poll_cancelled(cx) {
            self.stream = None;
        }
        let Some(stream) = &mut self.stream else { return Poll::Ready(Some(Err(Error::cancelled()))) };
        let batch = task::ready!(stream.poll_next_unpin(cx));
        if let Some(Ok(batch)) = &batch {
            self.monitor.add_rows(batch.num_rows() as u64);
        }
        Poll::Ready(batch.map(|batch| batch.map_err(Error::from)))
    }
}
