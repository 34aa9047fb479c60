//! What the process really holds, as the operating system counts it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::file_pages::FilePages;
use super::mapping::let_mappings_go;

/// The processes that work for this one: what they hold counts as this one's.
static PROCESSES: Mutex<Processes> = Mutex::new(Processes { ids: Vec::new(), seen: None });

struct Processes {
    ids: Vec<u32>,
    /// What they held together, and when that was seen.
    seen: Option<(Instant, u64)>,
}

impl Processes {
    /// Looking at a process takes ten times as long as looking at oneself: it is done a fifth as often.
    const INTERVAL: Duration = Duration::from_millis(10);

    fn bytes(&mut self) -> u64 {
        match self.seen {
            _ if self.ids.is_empty() => 0,
            Some((when, bytes)) if when.elapsed() < Self::INTERVAL => bytes,
            _ => {
                // The pages of one program's files are in memory once, however many processes share them.
                let sizes = self.ids.iter().map(|id| sizes_of(*id));
                let (private, shared) = sizes.fold((0, 0), |(sum, most), (own, shared)| (sum + own, shared.max(most)));
                self.seen = Some((Instant::now(), private + shared));
                private + shared
            }
        }
    }
}

/// The most that this process and those that work for it were seen to hold together.
static PEAK_TOGETHER: AtomicU64 = AtomicU64::new(0);

/// From now on the process of that id counts.
pub(crate) fn add_process(id: u32) {
    let mut processes = PROCESSES.lock();
    processes.ids.push(id);
    processes.seen = None;
}

/// The process of that id counts no more.
pub(crate) fn remove_process(id: u32) {
    let mut processes = PROCESSES.lock();
    processes.ids.retain(|other| *other != id);
    processes.seen = None;
}

/// The resident size in bytes, now, of this process and those that work for it; 0 where the system does not tell.
pub(crate) fn current() -> u64 {
    let own = memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem as u64);
    let others = PROCESSES.lock().bytes();
    if others > 0 {
        PEAK_TOGETHER.fetch_max(own + others, Ordering::Relaxed);
    }
    own + others
}

/// The bytes of files among what this process holds; 0 where the system does not tell.
fn of_files() -> u64 {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = sizes.split_whitespace().nth(2).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    pages * PAGE
}

/// What another process holds for itself, in bytes; 0 where the system does not tell.
pub(crate) fn private_of(id: u32) -> u64 {
    sizes_of(id).0
}

/// Those who keep processes that do nothing at the moment, and can end them.
pub(crate) trait EndIdle: Send + Sync {
    /// Ends processes that have nothing to do; whether there were any.
    fn end_idle(&self) -> bool;
}

static IDLE: Mutex<Vec<Weak<dyn EndIdle>>> = Mutex::new(Vec::new());

/// From now on `keeper` is asked to end its idle processes when memory is short.
pub(crate) fn add_keeper(keeper: Weak<dyn EndIdle>) {
    let mut keepers = IDLE.lock();
    keepers.retain(|keeper| keeper.strong_count() > 0);
    keepers.push(keeper);
}

fn end_idle_processes() -> bool {
    let keepers: Vec<_> = IDLE.lock().iter().filter_map(Weak::upgrade).collect();
    // All of them, not the first that had any.
    keepers.iter().filter(|keeper| keeper.end_idle()).count() > 0
}

/// Where pages are larger, less is expected to come than will.
const PAGE: u64 = 4096;

/// What a process holds for itself, and what of files, in bytes.
fn sizes_of(id: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    (field(&status, "RssAnon:") + field(&status, "RssShmem:"), field(&status, "RssFile:"))
}

/// A size in `/proc/…/status`, in bytes.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

/// The largest resident size in bytes that this process has had, and those that work for it together with it.
pub(crate) fn peak() -> u64 {
    own_peak().max(PEAK_TOGETHER.load(Ordering::Relaxed))
}

/// The largest resident size this process has had, in bytes.
#[cfg(target_os = "linux")]
fn own_peak() -> u64 {
    // Not getrusage: that figure survives exec, so a child of a large program would start with its parent's size.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "VmHWM:")
}

/// The largest resident size this process has had, in bytes.
#[cfg(not(target_os = "linux"))]
fn own_peak() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss() as u64 * unit)
}

/// How the program's allocator gives memory back that is free but kept; see [`set_purge`].
static PURGE: OnceLock<fn()> = OnceLock::new();

/// Tells how to have the program's allocator give free memory back to the system: it is called when the resident size
/// nears the limit, at most once in 5 milliseconds, and before a statement; by any thread that reserves memory or gives it
/// back, whatever locks that holds. The first call counts; without one nothing is purged.
///
/// ```
/// partita::memory::set_purge(|| { /* such as jemalloc's `arena.4096.purge` */ });
/// ```
pub fn set_purge(purge: fn()) {
    // A second allocator there is not.
    let _ = PURGE.set(purge);
}

/// The resident size, looked up at most once in [`Sampler::INTERVAL_MICROS`]: cheap enough for every reservation.
#[derive(Debug)]
pub(crate) struct Sampler {
    start: Instant,
    taken: AtomicU64,
    purged: AtomicU64,
    bytes: AtomicU64,
    to_come: AtomicU64,
    file_pages: FilePages,
}

impl Sampler {
    /// A look-up takes about 3 µs, two while code is yet to come back; one in 2 ms is a seventh of a percent of one core.
    const INTERVAL_MICROS: u64 = 2_000;

    /// A thread that looks every 4 ms has lost its turn to other programs.
    const LATE_MICROS: u64 = 8_000;

    /// Purged pages come back as faults: not for every batch.
    const PURGE_INTERVAL_MICROS: u64 = 20_000;

    /// Near the limit they go sooner: where batches have megabytes, 30 MB came and were freed again in 20 ms.
    const URGENT_INTERVAL_MICROS: u64 = 5_000;

    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            taken: AtomicU64::new(0),
            purged: AtomicU64::new(0),
            bytes: AtomicU64::new(current()),
            to_come: AtomicU64::new(0),
            file_pages: FilePages::default(),
        }
    }

    /// The resident size in bytes, at most two milliseconds old.
    pub(crate) fn bytes(&self) -> u64 {
        let now = self.start.elapsed().as_micros() as u64;
        let taken = self.taken.load(Ordering::Relaxed);
        let due = now.saturating_sub(taken) >= Self::INTERVAL_MICROS;
        // One thread wins the exchange and looks; the others take what was seen last.
        if due && self.taken.compare_exchange(taken, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.refresh();
        }
        self.bytes.load(Ordering::Relaxed)
    }

    /// The resident size in bytes; where it is above `high`, after free memory was given back and idle processes ended.
    /// Above `mark` the limit is near: it is given back sooner again.
    pub(crate) fn below(&self, high: u64, mark: u64) -> u64 {
        if self.bytes() > high && let_mappings_go() {
            // At every look: what is mapped is read as fast as memory is.
            self.refresh();
        }
        let bytes = self.bytes.load(Ordering::Relaxed);
        if bytes <= high {
            return bytes;
        }
        let interval = if bytes > mark { Self::URGENT_INTERVAL_MICROS } else { Self::PURGE_INTERVAL_MICROS };
        let now = self.start.elapsed().as_micros() as u64;
        let purged = self.purged.load(Ordering::Relaxed);
        let due = now.saturating_sub(purged) >= interval;
        if due && self.purged.compare_exchange(purged, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.purge();
            if self.bytes.load(Ordering::Relaxed) > high && end_idle_processes() {
                self.refresh();
            }
        }
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether nobody has looked for a while.
    pub(crate) fn is_late(&self) -> bool {
        let now = self.start.elapsed().as_micros() as u64;
        now.saturating_sub(self.taken.load(Ordering::Relaxed)) >= Self::LATE_MICROS
    }

    /// Has the allocator give free memory back, now.
    pub(crate) fn purge(&self) {
        if let Some(purge) = PURGE.get() {
            let before = of_files();
            purge();
            self.file_pages.let_go(before, of_files());
            self.refresh();
        }
    }

    /// Tells one time that free memory was given back from another.
    pub(crate) fn last_purge(&self) -> u64 {
        self.purged.load(Ordering::Relaxed)
    }

    /// Looks now.
    pub(crate) fn refresh(&self) {
        self.bytes.store(current(), Ordering::Relaxed);
        self.to_come.store(self.file_pages.to_come(of_files), Ordering::Relaxed);
    }

    /// What runs from now on needs other code.
    pub(crate) fn forget_code(&self) {
        self.file_pages.forget();
        self.to_come.store(0, Ordering::Relaxed);
    }

    /// By how many bytes it will soon be more, for what code needs was let go.
    pub(crate) fn to_come(&self) -> u64 {
        self.to_come.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_is_never_below_now() {
        let held = vec![1u8; 8 << 20];
        // In this order: other tests allocate at the same time.
        let now = current();
        assert!(now > 1 << 20 && peak() + (1 << 20) >= now);
        drop(held);
    }
}
