//! Looking at a query from outside while it runs.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Figures, Monitor};

/// What a statement is doing.
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
    pub fn planning(&self) {
        *self.0.lock() = State { phase: Some(Phase::Planning), monitor: None };
    }

    /// The statement's query runs; `monitor` is [`Run::monitor`](crate::Run::monitor).
    pub fn running(&self, monitor: Monitor) {
        *self.0.lock() = State { phase: Some(Phase::Running), monitor: Some(monitor) };
    }

    /// All rows are out and are being finished.
    pub fn writing(&self) {
        self.0.lock().phase = Some(Phase::Writing);
    }

    /// The statement has ended; its plan is let go of.
    pub fn done(&self) {
        *self.0.lock() = State::default();
    }

    /// Ends the query that runs, as far as it can be from outside: see [`Monitor::cancel`].
    pub fn cancel(&self) {
        if let Some(monitor) = &self.0.lock().monitor {
            monitor.cancel();
        }
    }

    /// What is being done, and the figures of the query; none when nothing runs.
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
