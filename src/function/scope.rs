//! What the function calls of one query share.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::error::Result as EngineResult;
use parking_lot::Mutex;
use tokio::task;

use crate::error::Error;
use crate::memory::{bytes, parse_bytes};
use crate::operator::CancelFlag;

/// One query, seen from the calls of its functions: they find it among the options that the engine hands them.
#[derive(Clone, Default)]
pub(crate) struct Scope(Arc<Shared>);

#[derive(Default)]
struct Shared {
    cancelled: CancelFlag,
    failures: AtomicU64,
    /// The file of the rows of a place in the plan, where there is one.
    files: OnceLock<HashMap<usize, Arc<str>>>,
    /// Rows that a place in the plan has seen, for each task: the engine drives one partition by one task.
    rows: Mutex<HashMap<(usize, Option<task::Id>), u64>>,
}

impl Scope {
    pub(crate) fn new(cancelled: CancelFlag) -> Self {
        Self(Arc::new(Shared { cancelled, ..Shared::default() }))
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.cancelled.is_set()
    }

    /// How many rows failed and became NULL so far.
    pub(crate) fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    pub(super) fn count_failures(&self, failures: u64) {
        self.0.failures.fetch_add(failures, Ordering::Relaxed);
    }

    /// Notes the files that rows come from; those of the first call count.
    pub(crate) fn know_files(&self, files: HashMap<usize, Arc<str>>) {
        let _ = self.0.files.set(files);
    }

    pub(super) fn file_of(&self, site: usize) -> Option<Arc<str>> {
        self.0.files.get()?.get(&site).cloned()
    }

    /// Counts `more` rows of a partition and tells how many came before them.
    pub(super) fn rows_before(&self, site: usize, more: u64) -> u64 {
        let mut rows = self.0.rows.lock();
        let seen = rows.entry((site, task::try_id())).or_default();
        *seen += more;
        *seen - more
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("failures", &self.failures()).finish()
    }
}

impl ConfigExtension for Scope {
    const PREFIX: &'static str = "partita_query";
}

impl ExtensionOptions for Scope {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> EngineResult<()> {
        Err(Error::user(format!("there is no option '{}.{key}'", Self::PREFIX)).into())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

/// What a row that fails does to its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnError {
    /// Ends it.
    #[default]
    Fail,
    /// Gives NULL and is counted.
    Null,
}

impl FromStr for OnError {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_lowercase().as_str() {
            "fail" | "error" | "stop" => Ok(Self::Fail),
            "null" => Ok(Self::Null),
            _ => Err(Error::user(format!("'{text}' is no way to treat a failure")).with_hint("'fail' or 'null'")),
        }
    }
}

/// The options of functions, as SET sets them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FunctionSettings {
    pub(crate) on_error: OnError,
    /// The interpreter; none for the first of `PARTITA_PYTHON`, an active virtual environment, and `python3`.
    pub(crate) python_path: Option<String>,
    /// The longest that a worker may take for one batch.
    pub(crate) timeout: Option<Duration>,
    /// The most bytes that a worker may hold beyond those of its interpreter; none for a share of the memory limit.
    pub(crate) memory: Option<u64>,
}

impl Default for FunctionSettings {
    fn default() -> Self {
        Self { on_error: OnError::Fail, python_path: None, timeout: Some(Duration::from_secs(300)), memory: None }
    }
}

impl FunctionSettings {
    /// The options, without their prefix.
    pub(crate) const KEYS: [&'static str; 4] =
        ["on_function_error", "python_path", "function_timeout", "function_memory"];

    /// Sets an option.
    ///
    /// Errors: no such option; a value it does not take.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let none = ["", "0", "none", "default"].contains(&value.to_lowercase().as_str());
        match key {
            "on_function_error" => self.on_error = value.parse()?,
            "python_path" => self.python_path = (!none).then(|| value.to_string()),
            "function_timeout" => self.timeout = if none { None } else { Some(duration(value)?) },
            "function_memory" => self.memory = if none { None } else { Some(parse_bytes(value)?) },
            _ => return Err(Error::user(format!("there is no option 'partita.{key}' to set"))),
        }
        Ok(())
    }

    /// Gives an option its first value back.
    pub(crate) fn reset(&mut self, key: &str) {
        let first = Self::default();
        match key {
            "on_function_error" => self.on_error = first.on_error,
            "python_path" => self.python_path = None,
            "function_timeout" => self.timeout = first.timeout,
            _ => self.memory = None,
        }
    }

    /// The options with their values and what they are for.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, String, &'static str)> {
        let on_error = match self.on_error {
            OnError::Fail => "fail",
            OnError::Null => "null",
        };
        let timeout = self.timeout.map_or("none".to_string(), |timeout| format!("{}s", timeout.as_secs_f64()));
        let [on, python, time, memory] = Self::KEYS;
        [
            (on, on_error.to_string(), "What a row that a function fails on does: 'fail' or 'null'"),
            (python, self.python_path.clone().unwrap_or_else(|| "default".into()), "The Python that functions run in"),
            (time, timeout, "The longest a function in Python may take for a batch: 30s, 5m, none"),
            (
                memory,
                self.memory.map_or("default".into(), bytes),
                "The most bytes a Python worker may take: 500MB, default",
            ),
        ]
        .into_iter()
    }
}

/// `30s`, `500ms`, `5m`, `1h`; seconds without a unit.
fn duration(text: &str) -> Result<Duration, Error> {
    let text = text.trim().to_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        _ => f64::NAN,
    };
    let seconds = number.parse::<f64>().unwrap_or(f64::NAN) * seconds;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::user(format!("'{text}' is no time")).with_hint("write 30s, 500ms, 5m or none"))
}
