//! What the process really holds, as the operating system counts it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The resident size of this process in bytes, now; 0 where the system does not tell.
pub(crate) fn current() -> u64 {
    memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem as u64)
}

/// The largest resident size this process has had, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn peak() -> u64 {
    // Not getrusage: that figure survives exec, so a child of a large program would start with its parent's size.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

/// The largest resident size this process has had, in bytes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn peak() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss() as u64 * unit)
}

/// How the program's allocator gives memory back that is free but kept; see [`set_purge`].
static PURGE: OnceLock<fn()> = OnceLock::new();

/// Tells how to have the program's allocator give free memory back to the system: it is called when the resident size
/// nears the limit, at most once in 20 milliseconds. The first call counts; without one nothing is purged.
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
}

impl Sampler {
    /// A look-up takes about 3 µs; one in 2 ms is a seventh of a percent of one core.
    const INTERVAL_MICROS: u64 = 2_000;

    /// Purged pages come back as faults: not for every batch.
    const PURGE_INTERVAL_MICROS: u64 = 20_000;

    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            taken: AtomicU64::new(0),
            purged: AtomicU64::new(0),
            bytes: AtomicU64::new(current()),
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

    /// The resident size in bytes, after free memory was given back where it is above `high`.
    pub(crate) fn below(&self, high: u64) -> u64 {
        let bytes = self.bytes();
        let Some(purge) = PURGE.get().filter(|_| bytes > high) else { return bytes };
        let now = self.start.elapsed().as_micros() as u64;
        let purged = self.purged.load(Ordering::Relaxed);
        let due = now.saturating_sub(purged) >= Self::PURGE_INTERVAL_MICROS;
        if due && self.purged.compare_exchange(purged, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            purge();
            self.refresh();
        }
        self.bytes.load(Ordering::Relaxed)
    }

    /// Looks now.
    pub(crate) fn refresh(&self) {
        self.bytes.store(current(), Ordering::Relaxed);
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
