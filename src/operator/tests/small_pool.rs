//! A pool that is small for operators of ours alone.

use std::fmt;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use parking_lot::Mutex;

/// Refuses our operators what exceeds its limit. Others, such as the engine's sort, which wants megabytes for three
/// rows, have what they like and do not count.
#[derive(Debug)]
pub(in crate::operator) struct SmallPool {
    limit: usize,
    used: Mutex<usize>,
}

impl SmallPool {
    pub(in crate::operator) fn new(limit: usize) -> Self {
        Self { limit, used: Mutex::new(0) }
    }
}

fn is_ours(reservation: &MemoryReservation) -> bool {
    reservation.consumer().name().starts_with("Spilling") || reservation.consumer().name().starts_with("Running")
}

impl MemoryPool for SmallPool {
    fn name(&self) -> &str {
        "small"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if is_ours(reservation) {
            *self.used.lock() += additional;
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if is_ours(reservation) {
            *self.used.lock() -= shrink;
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut used = self.used.lock();
        if is_ours(reservation) && *used + additional > self.limit {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{}: {used} of {} bytes are used",
                reservation.consumer().name(),
                self.limit
            )));
        }
        *used += if is_ours(reservation) { additional } else { 0 };
        Ok(())
    }

    fn reserved(&self) -> usize {
        *self.used.lock()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

impl fmt::Display for SmallPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "small({})", self.limit)
    }
}
