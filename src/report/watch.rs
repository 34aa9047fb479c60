//! Looking at a query from outside while it runs.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Figures, Monitor};

/// What a statement is doing.
///
/// ```
/// use partita::{Phase, Watch};
/// let watch = Watch::default();
/// watch.planning();
/// assert!(matches!(watch.look(), Some((Phase::Planning, _))));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Parsing, looking at files, choosing operators.
    Planning,
    /// Operators work, rows come out.
    Running,
    /// All rows are out; the file or the table is being finished.
    Writing,
}

/// A window on the statement that runs: whoever runs it says what it does, whoever draws progress looks.
///
/// Clones look at the same statement. A watch holds the query's plan until [`done`](Watch::done), so whoever ends a
/// statement, by whatever way, calls it.
///
/// ```
/// let watch = partita::Watch::default();
/// assert!(watch.look().is_none());
/// watch.planning();
/// assert_eq!(watch.look().unwrap().0, partita::Phase::Planning);
/// ```
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    phase: Option<Phase>,
    monitor: Option<Monitor>,
}

impl Watch {
    /// A statement begins to be planned.
    ///
    /// ```
    /// let watch = partita::Watch::default();
    /// watch.planning();
    /// assert_eq!(watch.look().unwrap().0, partita::Phase::Planning);
    /// ```
    pub fn planning(&self) {
        *self.0.lock() = State { phase: Some(Phase::Planning), monitor: None };
    }

    /// The statement's query runs; `monitor` is [`Run::monitor`](crate::Run::monitor).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// let run = ctx.sql("SELECT 1").await?.run().await?;
    /// let watch = partita::Watch::default();
    /// watch.running(run.monitor());
    /// assert_eq!(watch.look().unwrap().0, partita::Phase::Running);
    /// # Ok(()) }
    /// ```
    pub fn running(&self, monitor: Monitor) {
        *self.0.lock() = State { phase: Some(Phase::Running), monitor: Some(monitor) };
    }

    /// All rows are out and are being finished.
    ///
    /// ```
    /// let watch = partita::Watch::default();
    /// watch.writing();
    /// assert_eq!(watch.look().unwrap().0, partita::Phase::Writing);
    /// ```
    pub fn writing(&self) {
        self.0.lock().phase = Some(Phase::Writing);
    }

    /// The statement has ended; its plan is let go of.
    ///
    /// ```
    /// let watch = partita::Watch::default();
    /// watch.planning();
    /// watch.done();
    /// assert!(watch.look().is_none());
    /// ```
    pub fn done(&self) {
        *self.0.lock() = State::default();
    }

    /// Ends the query that runs, as far as it can be from outside: see [`Monitor::cancel`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// # use futures::StreamExt;
    /// # let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
    /// let watch = partita::Watch::default();
    /// watch.running(run.monitor());
    /// watch.cancel();
    /// assert!(run.next().await.unwrap().unwrap_err().is_cancelled());
    /// # Ok(()) }
    /// ```
    pub fn cancel(&self) {
        if let Some(monitor) = &self.0.lock().monitor {
            monitor.cancel();
        }
    }

    /// What is being done, and the figures of the query; none when nothing runs.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// # use futures::StreamExt;
    /// # let mut run = ctx.sql("SELECT * FROM generate_series(1, 3)").await?.run().await?;
    /// let watch = partita::Watch::default();
    /// watch.running(run.monitor());
    /// while let Some(batch) = run.next().await { batch?; }
    /// let (phase, figures) = watch.look().unwrap();
    /// assert_eq!((phase, figures.rows), (partita::Phase::Running, 3));
    /// # Ok(()) }
    /// ```
    pub fn look(&self) -> Option<(Phase, Figures)> {
        let state = self.0.lock();
        let phase = state.phase?;
        Some((phase, state.monitor.as_ref().map(Monitor::figures).unwrap_or_default()))
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.0.lock().phase).finish()
    }
}
