//! Live figures of a query, read off its operators' metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Context;
use std::time::{Duration, Instant};

use datafusion::common::stats::Precision;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use futures::task::AtomicWaker;

use super::Profile;
use crate::function::Scope;
use crate::memory::{Memory, resident};
use crate::operator::CancelFlag;
use crate::source::file_scan;

/// What a query tells of itself while it runs and after.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = partita::Context::builder().build()?;
/// # use futures::StreamExt;
/// let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
/// while let Some(batch) = run.next().await { batch?; }
/// let figures = run.figures();
/// assert_eq!((figures.rows, figures.spilled_bytes), (3, 0));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Rows that came out so far; of a statement that writes, the rows it wrote.
    pub rows: u64,
    /// Time since the start.
    pub elapsed: Duration,
    /// Rows the scans have produced so far.
    pub rows_read: u64,
    /// Bytes the scans have read so far, as far as their format counts them.
    pub bytes_read: u64,
    /// Share of the scanned rows that is read, from 0 to 1, where the sources tell how many rows they have.
    pub progress: Option<f64>,
    /// Bytes that the process holds now.
    pub resident: u64,
    /// Bytes that all operators of the context hold now.
    pub reserved: u64,
    /// The most bytes they have held together since this query began.
    pub peak_reserved: u64,
    /// Bytes written to spill files so far.
    pub spilled_bytes: u64,
    /// Rows that a row function failed on and that became NULL, under `SET on_function_error = 'null'`.
    pub function_failures: u64,
}

/// A handle on a running query that tells its figures at any time, from any thread.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = partita::Context::builder().build()?;
/// # use futures::StreamExt;
/// let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
/// let monitor = run.monitor();
/// while let Some(batch) = run.next().await { batch?; }
/// assert_eq!(monitor.figures().rows, 3);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Monitor {
    memory: Arc<Memory>,
    plan: Arc<dyn ExecutionPlan>,
    started: Instant,
    rows: Arc<AtomicU64>,
    cancelled: CancelFlag,
    scope: Scope,
    /// Wakes whoever waits for the next batch.
    waker: Arc<AtomicWaker>,
}

impl Monitor {
    pub(crate) fn new(
        memory: Arc<Memory>,
        plan: Arc<dyn ExecutionPlan>,
        started: Instant,
        cancelled: CancelFlag,
        scope: Scope,
    ) -> Self {
        Self { memory, plan, started, rows: Arc::default(), cancelled, scope, waker: Arc::default() }
    }

    /// Ends the query from anywhere: its tasks stop, its memory and spill files go, and its [`Run`](crate::Run) yields a
    /// cancelled error at its next poll. Operators that compare rows without pause give up, too.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// # use futures::StreamExt;
    /// let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
    /// run.monitor().cancel();
    /// assert!(run.next().await.unwrap().unwrap_err().is_cancelled());
    /// # Ok(()) }
    /// ```
    pub fn cancel(&self) {
        self.cancelled.set();
        self.waker.wake();
    }

    /// Whether [`cancel`](Self::cancel) was called; whoever asks is woken when it is.
    pub(super) fn poll_cancelled(&self, context: &Context<'_>) -> bool {
        self.waker.register(context.waker());
        self.cancelled.is_set()
    }

    /// What each operator has done until now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// # use futures::StreamExt;
    /// let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
    /// while let Some(batch) = run.next().await { batch?; }
    /// let profile = run.monitor().profile();
    /// assert_eq!(profile.figures().rows, 3);
    /// # Ok(()) }
    /// ```
    pub fn profile(&self) -> Profile {
        Profile::new(self)
    }

    pub(crate) fn add_rows(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// The physical plan; its metrics are live too.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// let run = ctx.sql("SELECT 1 AS a, 2 AS b").await?.run().await?;
    /// let monitor = run.monitor();
    /// assert_eq!(monitor.physical_plan().schema().fields().len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn physical_plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.plan
    }

    /// What the query tells of itself now.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// # use futures::StreamExt;
    /// # let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
    /// let monitor = run.monitor();
    /// assert_eq!(monitor.figures().rows, 0);
    /// while let Some(batch) = run.next().await { batch?; }
    /// assert_eq!(monitor.figures().rows, 3);
    /// # Ok(()) }
    /// ```
    pub fn figures(&self) -> Figures {
        let mut sums = Sums::default();
        sums.add(self.plan.as_ref());
        Figures {
            rows: self.rows.load(Ordering::Relaxed),
            elapsed: self.started.elapsed(),
            rows_read: sums.rows_read,
            bytes_read: sums.bytes_read,
            progress: sums.progress(),
            resident: resident::current(),
            reserved: self.memory.budget.reserved() as u64,
            peak_reserved: self.memory.budget.peak() as u64,
            spilled_bytes: sums.spilled,
            function_failures: self.scope.failures(),
        }
    }
}

/// The metrics of a plan, added up.
#[derive(Default)]
struct Sums {
    rows_read: u64,
    bytes_read: u64,
    spilled: u64,
    /// Rows of the sources that tell their number, and of those the rows read.
    expected: u64,
    expected_read: u64,
    unknown: bool,
}

impl Sums {
    fn add(&mut self, plan: &dyn ExecutionPlan) {
        let metrics = plan.metrics();
        self.spilled += metrics.as_ref().and_then(|m| m.spilled_bytes()).unwrap_or(0) as u64;
        if plan.children().is_empty() {
            let rows = metrics.as_ref().and_then(|m| m.output_rows()).unwrap_or(0) as u64;
            let bytes = metrics.and_then(|m| m.sum_by_name("bytes_scanned")).map_or(0, |sum| sum.as_usize());
            self.rows_read += rows;
            self.bytes_read += bytes as u64;
            self.add_expected(plan, rows);
        }
        for child in plan.children() {
            self.add(child.as_ref());
        }
    }

    /// A scan without a filter gives all the rows its statistics promise: only such a scan tells how far it is.
    fn add_expected(&mut self, plan: &dyn ExecutionPlan, rows: u64) {
        let filtered = file_scan(plan).is_some_and(|config| config.file_source().filter().is_some());
        let statistics = StatisticsContext::new().compute(plan, &StatisticsArgs::new());
        match statistics.map(|statistics| statistics.num_rows) {
            Ok(Precision::Exact(total)) if !filtered => {
                self.expected += total as u64;
                self.expected_read += rows;
            }
            _ => self.unknown = true,
        }
    }

    fn progress(&self) -> Option<f64> {
        let known = !self.unknown && self.expected > 0;
        known.then(|| (self.expected_read as f64 / self.expected as f64).min(1.0))
    }
}
