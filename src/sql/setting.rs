//! `SET`, `SHOW` and `RESET` of our own options, and other names for the engine's.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::Result as EngineResult;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};

use crate::error::{Error, Result};
use crate::function::FunctionSettings;
use crate::memory::{Memory, MemoryLimit, bytes, parse_bytes};

/// Our options, below the prefix `partita`. They act on the memory of the context: the engine's own options of that
/// kind would replace the budget by a pool of the engine's.
#[derive(Clone)]
pub(crate) struct Settings {
    memory: Arc<Memory>,
    functions: FunctionSettings,
}

const MEMORY_LIMIT: &str = "partita.memory_limit";
const SPILL_LIMIT: &str = "partita.spill_limit";
const SPILL_DIR: &str = "partita.spill_dir";
const THREADS: &str = "datafusion.execution.target_partitions";

/// Short names and the engine's names, each with the option that it stands for.
const SYNONYMS: [(&str, &str); 15] = [
    ("memory_limit", MEMORY_LIMIT),
    ("max_memory", MEMORY_LIMIT),
    ("datafusion.runtime.memory_limit", MEMORY_LIMIT),
    ("spill_limit", SPILL_LIMIT),
    ("max_temp_directory_size", SPILL_LIMIT),
    ("datafusion.runtime.max_temp_directory_size", SPILL_LIMIT),
    ("spill_dir", SPILL_DIR),
    ("temp_directory", SPILL_DIR),
    ("datafusion.runtime.temp_directory", SPILL_DIR),
    ("threads", THREADS),
    ("partita.threads", THREADS),
    ("python_path", "partita.python_path"),
    ("on_function_error", "partita.on_function_error"),
    ("function_timeout", "partita.function_timeout"),
    ("function_memory", "partita.function_memory"),
];

/// The option that a person means by `name`: itself, a synonym, or the last word of one option alone
/// (`batch_size` for `datafusion.execution.batch_size`).
///
/// Errors: no such option, with the nearest name.
pub(crate) fn canonical(name: &str, options: &ConfigOptions) -> Result<String> {
    let name = name.to_lowercase();
    if let Some((_, meant)) = SYNONYMS.iter().find(|(synonym, _)| *synonym == name) {
        return Ok((*meant).to_string());
    }
    let keys: Vec<String> = options.entries().into_iter().map(|entry| entry.key).collect();
    let aliases = ["all", "timezone", "time.zone"];
    if aliases.contains(&name.as_str()) || name.starts_with("datafusion.runtime.") || keys.contains(&name) {
        return Ok(runtime_name(name));
    }
    let mut ending = keys.iter().filter(|key| key.rsplit('.').next() == Some(name.as_str()));
    match (ending.next(), ending.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err(unknown(&name, keys)),
    }
}

/// Refuses what the engine would take and nobody can mean.
pub(crate) fn check_value(option: &str, value: &str) -> Result<()> {
    match (option, value.trim()) {
        (THREADS, "0") => Err(Error::user("a query needs at least one thread")),
        _ => Ok(()),
    }
}

/// The engine's runtime options that ours stand for: its own way to set them would build a new runtime, without the
/// budget and the private spill folder.
fn runtime_name(name: String) -> String {
    match name.strip_prefix("datafusion.runtime.") {
        Some(option) => format!("partita.{option}"),
        None => name,
    }
}

fn unknown(name: &str, mut keys: Vec<String>) -> Error {
    keys.extend(SYNONYMS.iter().map(|(synonym, _)| (*synonym).to_string()));
    let names = keys.iter().flat_map(|key| [key.as_str(), key.rsplit('.').next().unwrap_or_default()]);
    Error::user(format!("there is no option '{name}'")).did_you_mean(name, names, "SHOW ALL lists the options")
}

impl Settings {
    pub(crate) fn new(memory: Arc<Memory>) -> Self {
        Self { memory, functions: FunctionSettings::default() }
    }

    /// The options of row functions.
    pub(crate) fn functions(&self) -> FunctionSettings {
        self.functions.clone()
    }

    /// Gives an option its first value back.
    pub(crate) fn reset(&mut self, key: &str) -> Result<()> {
        match key {
            "memory_limit" => self.memory.set_limit(self.memory.first_limit()),
            "spill_limit" => self.memory.set_spill_limit(self.memory.first_spill_limit())?,
            _ if FunctionSettings::KEYS.contains(&key) => self.functions.reset(key),
            _ => return Err(Error::user(format!("'{key}' cannot be reset"))),
        }
        Ok(())
    }

    fn apply(&mut self, key: &str, value: &str) -> Result<()> {
        let cache = &self.memory.runtime.cache_manager;
        let size = || parse_bytes(value).map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        match key {
            "memory_limit" => self.memory.set_limit(value.parse::<MemoryLimit>()?),
            "spill_limit" => self.memory.set_spill_limit(parse_bytes(value)?)?,
            "metadata_cache_limit" => cache.get_file_metadata_cache().update_cache_limit(size()?),
            "list_files_cache_limit" => {
                let limit = size()?;
                cache.get_list_files_cache().inspect(|cache| cache.update_cache_limit(limit));
            }
            "file_statistics_cache_limit" => {
                let limit = size()?;
                cache.get_file_statistic_cache().inspect(|cache| cache.update_cache_limit(limit));
            }
            "max_spill_merge_fan_in" => {
                let fan_in = value.parse().map_err(|_| Error::user(format!("'{value}' is no whole number")))?;
                self.memory.runtime.disk_manager.set_max_spill_merge_fan_in(fan_in);
            }
            "spill_dir" => {
                return Err(Error::user("the spill folder is chosen at the start")
                    .with_hint("use --spill-dir DIR, or ContextBuilder::spill_dir"));
            }
            _ => return self.functions.set(key, value),
        }
        Ok(())
    }
}

impl ConfigExtension for Settings {
    const PREFIX: &'static str = "partita";
}

impl ExtensionOptions for Settings {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> EngineResult<()> {
        Ok(self.apply(key, value)?)
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |key: &str, value: String, description| ConfigEntry {
            key: key.to_string(),
            value: Some(value),
            description,
        };
        [
            entry(
                MEMORY_LIMIT,
                bytes(self.memory.limit().bytes()),
                "The most bytes the process may hold: 512MB, 4GiB, 50%",
            ),
            entry(SPILL_LIMIT, bytes(self.memory.spill_limit()), "The most bytes all spill files together may take"),
            entry(
                SPILL_DIR,
                self.memory.folder.path().display().to_string(),
                "The private folder of spill files, chosen at the start",
            ),
        ]
        .into_iter()
        .chain(
            self.functions
                .entries()
                .map(|(key, value, description)| entry(&format!("partita.{key}"), value, description)),
        )
        .collect()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("memory_limit", &self.memory.limit()).finish()
    }
}
