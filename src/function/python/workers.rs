//! The pool of workers of a context.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

use super::worker::{Broken, Limits, Worker};
use crate::error::{Error, Result};
use crate::function::call::Environment;
use crate::memory::Memory;
use crate::memory::resident::{self, EndIdle};

/// The workers of a context: at most as many as it has threads, each with all the functions that it was asked for.
///
/// They stay when a query ends, so that the next one finds them started and what their functions have set up.
#[derive(Debug)]
pub(crate) struct Workers {
    threads: usize,
    memory: Arc<Memory>,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Worker>,
    busy: usize,
    /// Functions that are no more.
    gone: HashSet<String>,
}

impl Workers {
    /// No worker yet, of at most `threads`.
    pub(crate) fn new(threads: usize, memory: &Arc<Memory>) -> Arc<Self> {
        let memory = Arc::clone(memory);
        let workers = Arc::new(Self { threads, memory, state: Mutex::default(), freed: Condvar::new() });
        let keeper: Arc<dyn EndIdle> = Arc::clone(&workers) as _;
        resident::add_keeper(Arc::downgrade(&keeper));
        workers
    }

    /// Asks a worker that knows the function `load` tells of, and waits for the answer on this thread.
    ///
    /// Errors: no interpreter; a worker that broke, which is not asked again.
    pub(super) fn ask(
        &self,
        load: &Load,
        header: &Value,
        data: &[u8],
        environment: &Environment,
    ) -> Result<(Value, Vec<u8>)> {
        // The question, and an answer as long: the operator that asks has reserved neither. Nobody is refused for so
        // little, but others spill for it.
        let pool: Arc<dyn MemoryPool> = Arc::clone(&self.memory.budget) as _;
        let in_flight = MemoryConsumer::new(format!("function '{}'", load.name)).register(&pool);
        in_flight.grow(2 * data.len());
        blocking(|| {
            let mut worker = self.take(&python(environment), &load.id, environment)?;
            let memory = environment.settings.memory.unwrap_or_else(|| self.share());
            let limits = Limits { environment, memory };
            let gone: Vec<String> = worker.loaded.intersection(&self.state.lock().gone).cloned().collect();
            let answer = load_and_ask(&mut worker, load, header, data, &gone, &limits);
            match answer {
                Ok(answer) => {
                    self.give_back(worker);
                    Ok(answer)
                }
                Err(broken) => {
                    let error = worker.error(broken, &load.name);
                    self.state.lock().busy -= 1;
                    self.freed.notify_one();
                    Err(error)
                }
            }
        })
    }

    /// What a worker may take where nobody says: all of them together half of the memory limit.
    pub(super) fn share(&self) -> u64 {
        (self.memory.limit().bytes() / 2 / self.threads.max(1) as u64).max(64 << 20)
    }

    /// A function is gone: workers that know it are told before they are asked the next time.
    pub(super) fn forget(&self, id: &str) {
        self.state.lock().gone.insert(id.to_string());
    }

    fn take(&self, python: &str, id: &str, environment: &Environment) -> Result<Worker> {
        let mut state = self.state.lock();
        loop {
            let fits = |worker: &&Worker| worker.python == python;
            let knows = state.idle.iter().position(|worker| fits(&worker) && worker.loaded.contains(id));
            if let Some(at) = knows.or_else(|| state.idle.iter().position(|worker| fits(&worker))) {
                state.busy += 1;
                return Ok(state.idle.swap_remove(at));
            }
            if state.busy + state.idle.len() >= self.threads {
                // One of another interpreter makes room.
                drop(state.idle.pop());
            }
            if state.busy < self.threads {
                state.busy += 1;
                drop(state);
                return Worker::start(python).inspect_err(|_| {
                    self.state.lock().busy -= 1;
                });
            }
            self.freed.wait_for(&mut state, Duration::from_millis(20));
            if environment.scope.is_cancelled() {
                return Err(Error::cancelled());
            }
        }
    }

    fn give_back(&self, mut worker: Worker) {
        worker.idle_since = Instant::now();
        let mut state = self.state.lock();
        state.busy -= 1;
        state.idle.push(worker);
        self.freed.notify_one();
    }
}

/// Between two batches of a query a worker is idle for some milliseconds: only one that rests longer is ended.
const REST: Duration = Duration::from_secs(1);

impl EndIdle for Workers {
    fn end_idle(&self) -> bool {
        let resting = |worker: &mut Worker| worker.idle_since.elapsed() > REST;
        let ended: Vec<Worker> = self.state.lock().idle.extract_if(.., resting).collect();
        !ended.is_empty()
    }
}

/// What tells a worker of a function.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) header: Value,
}

fn load_and_ask(
    worker: &mut Worker,
    load: &Load,
    header: &Value,
    data: &[u8],
    gone: &[String],
    limits: &Limits<'_>,
) -> Result<(Value, Vec<u8>), Broken> {
    for id in gone {
        worker.ask(&json!({ "operation": "forget", "id": id }), &[], limits)?;
        worker.loaded.remove(id);
    }
    // What nobody chose is looked at from here: libraries reserve far more than they use.
    let reserved = limits.environment.settings.memory.unwrap_or(limits.memory * 2 + (256 << 20));
    let with_memory = |header: &Value| {
        let mut header = header.clone();
        header["memory"] = reserved.into();
        header
    };
    if !worker.loaded.contains(&load.id) {
        let answer = worker.ask(&with_memory(&load.header), &[], limits)?;
        if answer.0.get("error").is_some() {
            return Ok(answer);
        }
        worker.loaded.insert(load.id.clone());
        if header["operation"] == "load" {
            return Ok(answer);
        }
    }
    worker.ask(&with_memory(header), data, limits)
}

/// The interpreter: the one that was set, that of the environment, an active virtual environment's, `python3`.
fn python(environment: &Environment) -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let chosen = environment.settings.python_path.clone();
    let chosen = chosen.or_else(|| variable("PARTITA_PYTHON")).or_else(|| variable("VIRTUAL_ENV"));
    match chosen {
        Some(folder) if Path::new(&folder).is_dir() => {
            Path::new(&folder).join("bin").join("python3").to_string_lossy().into_owned()
        }
        Some(program) => program,
        None => "python3".to_string(),
    }
}

/// Runs what blocks this thread. A runtime of several threads moves its other tasks elsewhere meanwhile.
pub(super) fn blocking<T>(run: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => block_in_place(run),
        _ => run(),
    }
}
