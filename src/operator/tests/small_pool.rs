//! A pool that is small for operators of ours alone.

use std::fmt;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use parking_lot::Mutex;

/// Refuses our operators what exceeds its limit, and nobody else: the engine's sort wants megabytes for three rows.
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

impl MemoryPool for SmallPool {
    fn name(&self) -> &str {
        "small"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        *self.used.lock() += additional;
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        *self.used.lock() -= shrink;
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut used = self.used.lock();
        if reservation.consumer().name().starts_with("Spilling") && *used + additional > self.limit {
            return Err(DataFusionError::ResourcesExhausted(format!("{} of {} bytes are used", used, self.limit)));
        }
        *used += additional;
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
