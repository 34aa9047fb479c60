//! A running query: a stream of batches with live figures and a way to end it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{Stream, StreamExt};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::plan::{CancelFlag, cancellable_joins};

/// What a query tells of itself while it runs and after.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Rows that came out so far.
    pub rows: u64,
    /// Time since the start.
    pub elapsed: Duration,
    /// Rows the scans have produced so far.
    pub rows_read: u64,
    /// Bytes the scans have read so far, as far as their format counts them.
    pub bytes_read: u64,
    /// Bytes of all files the plan scans; 0 where no scan reads files.
    pub bytes_total: u64,
    /// Share of the scans that is done, from 0 to 1, where it is known.
    pub progress: Option<f64>,
    /// Bytes that all operators of the context hold now.
    pub reserved: u64,
    /// The most bytes they have held together since this query began.
    pub peak_reserved: u64,
    /// Bytes written to spill files so far.
    pub spilled_bytes: u64,
}

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
    meter: Meter,
    stream: Option<SendableRecordBatchStream>,
    schema: SchemaRef,
}

/// Reads the figures of a query while another task polls its [`Run`]. It holds the plan, and so what the plan holds.
#[derive(Clone)]
pub struct Meter {
    context: Context,
    plan: Arc<dyn ExecutionPlan>,
    started: Instant,
    rows: Arc<AtomicU64>,
    cancelled: CancelFlag,
}

impl Run {
    pub(crate) async fn start(context: &Context, plan: LogicalPlan) -> Result<Self> {
        let started = Instant::now();
        let state = context.session().state();
        context.memory().budget.reset_peak();
        let cancelled = CancelFlag::default();
        let plan = cancellable_joins(state.create_physical_plan(&plan).await?, &cancelled)?;
        let task = Arc::new(TaskContext::from(&state));
        let stream = execute_stream(Arc::clone(&plan), task)?;
        let meter = Meter { context: context.clone(), plan, started, rows: Arc::default(), cancelled };
        Ok(Self { meter, schema: stream.schema(), stream: Some(stream) })
    }

    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// The physical plan; its metrics may be read while it runs.
    pub fn physical_plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.meter.plan
    }

    /// Ends the query: its tasks stop, its memory and spill files go. The stream then yields a cancelled error.
    pub fn cancel(&mut self) {
        self.meter.cancel();
        self.stream = None;
    }

    /// What the query tells of itself now.
    pub fn figures(&self) -> Figures {
        self.meter.figures()
    }

    /// Reads the figures from elsewhere while this run is polled.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

impl Meter {
    /// Makes operators that compare rows without pause give up. For those who cannot reach the [`Run`], because another
    /// thread is inside it; whoever can, drops it.
    pub fn cancel(&self) {
        self.cancelled.set();
    }

    /// What the query tells of itself now.
    pub fn figures(&self) -> Figures {
        let budget = &self.context.memory().budget;
        let mut figures = Figures {
            rows: self.rows.load(Ordering::Relaxed),
            elapsed: self.started.elapsed(),
            reserved: datafusion::execution::memory_pool::MemoryPool::reserved(&**budget) as u64,
            peak_reserved: budget.peak() as u64,
            ..Figures::default()
        };
        add_operator(self.plan.as_ref(), &mut figures);
        figures
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.figures().fmt(f)
    }
}

/// Adds up the metrics of an operator and all below it.
fn add_operator(plan: &dyn ExecutionPlan, figures: &mut Figures) {
    if let Some(metrics) = plan.metrics() {
        figures.spilled_bytes += metrics.spilled_bytes().unwrap_or(0) as u64;
        if plan.children().is_empty() {
            figures.rows_read += metrics.output_rows().unwrap_or(0) as u64;
            figures.bytes_read += metrics.sum_by_name("bytes_scanned").map_or(0, |sum| sum.as_usize()) as u64;
        }
    }
    for child in plan.children() {
        add_operator(child.as_ref(), figures);
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
        let Some(stream) = &mut self.stream else { return Poll::Ready(Some(Err(Error::cancelled()))) };
        let batch = task::ready!(stream.poll_next_unpin(cx));
        if let Some(Ok(batch)) = &batch {
            self.meter.rows.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        }
        Poll::Ready(batch.map(|batch| batch.map_err(Error::from)))
    }
}
