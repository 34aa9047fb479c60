//! Runs work that Ctrl-C can end: once to cancel, twice to leave it behind.

use std::future::Future;
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::ctrl_c;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{self, Instant};

use crate::error::{Error, Result};

/// How often progress is drawn.
const TICK: Duration = Duration::from_millis(200);

/// How long cancelled work may go on before its threads are left behind.
const PATIENCE: Duration = Duration::from_millis(800);

/// The threads that queries run on, and one apart from them that waits for Ctrl-C.
///
/// ```text
/// main thread: control   ── Ctrl-C, ticks, "has it ended?" ──┐
/// worker threads         ── the query's tasks ───────────────┘  replaced when one of them never gives way
/// ```
///
/// Signals and clocks must not hang on the workers: a task that computes without giving way holds a worker, and with
/// all of them held their runtime hears no signal.
///
/// ```
/// # fn main() -> partita::Result<()> {
/// use partita::shell::{Ended, Workers};
/// let mut workers = Workers::new(1)?;
/// let ended = workers.run(async { 42 }, || {}, || {})?;
/// assert_eq!(ended, Ended::Finished(42));
/// # Ok(()) }
/// ```
pub struct Workers {
    control: Runtime,
    queries: Option<Runtime>,
    threads: usize,
}

/// How work ended.
///
/// ```
/// # fn main() -> partita::Result<()> {
/// # use partita::shell::{Ended, Workers};
/// match Workers::new(1)?.run(async { 42 }, || {}, || {})? {
///     Ended::Finished(answer) => assert_eq!(answer, 42),
///     Ended::Cancelled => println!("cancelled"),
///     Ended::Panicked(message) => println!("a defect: {message}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// By itself.
    Finished(T),
    /// By Ctrl-C. What it held is gone, or goes when the last of its tasks gives way.
    Cancelled,
    /// By a defect, with what it said.
    Panicked(String),
}

impl Workers {
    /// As many worker threads as `threads`. Errors: the system gives no more threads.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// let workers = partita::shell::Workers::new(4)?;
    /// # Ok(()) }
    /// ```
    pub fn new(threads: usize) -> Result<Self> {
        let control = Builder::new_current_thread().enable_all().build()?;
        // From here on Ctrl-C ends no process, whether somebody waits for it or not.
        control.block_on(async {
            let _ = ctrl_c().now_or_never();
        });
        Ok(Self { queries: Some(worker_threads(threads)?), control, threads })
    }

    /// Runs `work` on the worker threads until it ends or Ctrl-C ends it, calling `tick` about five times a second.
    ///
    /// The first Ctrl-C cancels, and calls `cancelling`; a second one does not wait.
    ///
    /// Errors: threads were left behind and the system gives no new ones.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # use partita::shell::{Ended, Workers};
    /// # let mut workers = Workers::new(1)?;
    /// let ended = workers.run(async { 6 * 7 }, || eprint!("."), || eprintln!("cancelling"))?;
    /// assert_eq!(ended, Ended::Finished(42));
    /// # Ok(()) }
    /// ```
    pub fn run<T: Send + 'static>(
        &mut self,
        work: impl Future<Output = T> + Send + 'static,
        mut tick: impl FnMut(),
        cancelling: impl FnOnce(),
    ) -> Result<Ended<T>> {
        let queries = self.queries.as_ref().ok_or_else(|| Error::internal("the worker threads are gone"))?;
        let mut task = queries.spawn(work);
        let first = self.control.block_on(async {
            let mut clock = time::interval(TICK);
            let mut interrupt = Box::pin(ctrl_c());
            loop {
                tokio::select! {
                    ended = &mut task => return Some(ended),
                    _ = &mut interrupt => return None,
                    _ = clock.tick() => tick(),
                }
            }
        });
        match first {
            Some(Ok(value)) => Ok(Ended::Finished(value)),
            Some(Err(error)) => Ok(broken(error)),
            None => {
                cancelling();
                self.cancel(task)?;
                Ok(Ended::Cancelled)
            }
        }
    }

    /// Waits that long, or until Ctrl-C; whether the time is over.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # use std::time::Duration;
    /// let workers = partita::shell::Workers::new(1)?;
    /// if workers.wait(Duration::from_millis(1)) {
    ///     println!("the time is over");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn wait(&self, time: Duration) -> bool {
        self.control.block_on(async {
            tokio::select! {
                () = time::sleep(time) => true,
                _ = ctrl_c() => false,
            }
        })
    }

    /// Ends a task and waits for all that it spawned. Threads that do not come free in time, or before a second
    /// Ctrl-C, are left behind, and others take their place.
    fn cancel<T>(&mut self, task: JoinHandle<T>) -> Result<()> {
        task.abort();
        let Some(queries) = &self.queries else { return Ok(()) };
        let metrics = queries.metrics();
        let ended = self.control.block_on(async {
            let deadline = Instant::now() + PATIENCE;
            let mut interrupt = Box::pin(ctrl_c());
            while metrics.num_alive_tasks() > 0 && Instant::now() < deadline {
                tokio::select! {
                    () = time::sleep(Duration::from_millis(10)) => {}
                    _ = &mut interrupt => return false,
                }
            }
            metrics.num_alive_tasks() == 0
        });
        if !ended && let Some(stuck) = self.queries.replace(worker_threads(self.threads)?) {
            stuck.shutdown_background();
        }
        Ok(())
    }
}

impl Drop for Workers {
    /// Does not wait for a thread that never gives way.
    fn drop(&mut self) {
        if let Some(queries) = self.queries.take() {
            queries.shutdown_timeout(PATIENCE);
        }
    }
}

fn broken<T>(error: JoinError) -> Ended<T> {
    let Ok(payload) = error.try_into_panic() else { return Ended::Cancelled };
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string));
    Ended::Panicked(text.unwrap_or_else(|| "no reason was told".into()))
}

fn worker_threads(threads: usize) -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(threads.max(1)).thread_name("partita").enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_ends_gives_its_value() {
        let mut workers = Workers::new(1).unwrap();
        assert_eq!(workers.run(async { 42 }, || {}, || {}).unwrap(), Ended::Finished(42));
    }

    #[test]
    fn a_defect_ends_the_work_and_not_the_process() {
        let mut workers = Workers::new(1).unwrap();
        let ended = workers.run(async { panic!("oops {}", 1) }, || {}, || {}).unwrap();
        assert_eq!(ended, Ended::<()>::Panicked("oops 1".into()));
    }

    /// An operator that computes in one poll held its thread, and with it the next query.
    #[test]
    fn a_thread_that_never_gives_way_is_left_behind() {
        let mut workers = Workers::new(1).unwrap();
        let stuck = workers.queries.as_ref().unwrap().spawn(async { std::thread::sleep(Duration::from_secs(5)) });
        std::thread::sleep(Duration::from_millis(50));
        let began = std::time::Instant::now();
        workers.cancel(stuck).unwrap();
        assert_eq!(workers.run(async { 42 }, || {}, || {}).unwrap(), Ended::Finished(42));
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
