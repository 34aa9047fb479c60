//! Budget, spill folder and the engine's caches, tied to one runtime.

use std::path::Path;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use parking_lot::RwLock;

use super::budget::Budget;
use super::limit::MemoryLimit;
use super::spill_folder::SpillFolder;
use crate::error::Result;

/// The memory of one context: limit, budget, spill folder, and the runtime that the engine sees them through.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: RwLock<MemoryLimit>,
    first: (MemoryLimit, u64),
    pub(crate) budget: Arc<Budget>,
    pub(crate) runtime: Arc<RuntimeEnv>,
    // After the runtime: its own folder lies inside this one and goes first.
    pub(crate) folder: SpillFolder,
}

impl Memory {
    /// Memory inside `limit`, spilling below `spill_dir`, at most `spill_limit` bytes (by default nine tenths of what
    /// is free on that disk).
    pub(crate) fn new(limit: MemoryLimit, spill_dir: Option<&Path>, spill_limit: Option<u64>) -> Result<Self> {
        let folder = SpillFolder::create(spill_dir)?;
        allow_many_files();
        let budget = Arc::new(Budget::new(limit));
        budget.watch();
        let spill_limit = spill_limit.or_else(|| folder.free_bytes().map(|free| free / 10 * 9)).unwrap_or(u64::MAX);
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![folder.path().to_path_buf()]))
            .with_max_temp_directory_size(spill_limit);
        // The engine's caches lie outside the pool: they are kept to a small part of the headroom.
        let cache = usize::try_from(limit.bytes() / 64).unwrap_or(usize::MAX).min(32 << 20);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&budget) as _)
            .with_disk_manager_builder(disk)
            .with_metadata_cache_limit(cache)
            .with_file_statistics_cache_limit(cache.min(20 << 20))
            .build_arc()?;
        Ok(Self { limit: RwLock::new(limit), first: (limit, spill_limit), budget, runtime, folder })
    }

    pub(crate) fn limit(&self) -> MemoryLimit {
        *self.limit.read()
    }

    /// The limit that the context began with: what RESET goes back to.
    pub(crate) fn first_limit(&self) -> MemoryLimit {
        self.first.0
    }

    /// The spill limit in bytes that the context began with.
    pub(crate) fn first_spill_limit(&self) -> u64 {
        self.first.1
    }

    pub(crate) fn set_limit(&self, limit: MemoryLimit) {
        *self.limit.write() = limit;
        self.budget.set_limit(limit);
    }

    /// The most bytes all spill files together may take.
    pub(crate) fn spill_limit(&self) -> u64 {
        self.runtime.disk_manager.max_temp_directory_size()
    }

    pub(crate) fn set_spill_limit(&self, bytes: u64) -> Result<()> {
        Ok(self.runtime.disk_manager.set_max_temp_directory_size(bytes)?)
    }

    /// Bytes in spill files now.
    pub(crate) fn spilled_now(&self) -> u64 {
        self.runtime.disk_manager.used_disk_space()
    }
}

/// Raises the number of open files to what the system allows the process: every spill file holds one, and the usual
/// 1,024 are soon gone.
fn allow_many_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        log::info!("the limit of {soft} open files stays: {error}");
    }
}
