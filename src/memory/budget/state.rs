//! Who is granted what.

use std::collections::HashMap;
use std::sync::Weak;

use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use super::Holder;
use crate::error::Error;
use crate::memory::evict::Evict;
use crate::memory::limit::{MemoryLimit, bytes};

/// What a consumer that spills works with at least, in bytes: a few batches.
const FLOOR: usize = 4_000_000;

/// Operators spill when the resident size is this far below the limit, or an eighth of it where that is more: between
/// two looks at it, and by what nobody reports, it grows.
const MARGIN: u64 = 24_000_000;

/// What is kept for code, stacks, caches and the buffers of scans, which no operator reserves.
fn headroom(limit: u64) -> u64 {
    48_000_000 + limit / 8
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) limit: u64,
    pub(super) capacity: usize,
    pub(super) reserved: usize,
    /// The part of it that can leave for disk.
    pub(super) evictable: usize,
    pub(super) peak: usize,
    pub(super) consumers: HashMap<usize, Consumer>,
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) holder: Holder,
    /// How to ask it to leave for disk, where it can at any time.
    pub(super) evict: Option<Weak<dyn Evict>>,
}

impl State {
    pub(super) fn set_limit(&mut self, limit: MemoryLimit) {
        self.limit = limit.bytes();
        self.capacity = usize::try_from(self.limit - headroom(self.limit)).unwrap_or(usize::MAX);
    }

    /// An eighth of the capacity, for consumers that cannot spill.
    pub(super) fn protected(&self) -> usize {
        self.capacity / 8
    }

    /// The resident size from which operators spill.
    pub(super) fn high(&self) -> u64 {
        self.limit - (self.limit / 8).max(MARGIN)
    }

    /// The resident size from which free memory is given back though nobody asks for any: half way to the limit.
    pub(super) fn mark(&self) -> u64 {
        self.high() + (self.limit - self.high()) / 2
    }

    /// How much one spilling consumer may hold when room is short.
    pub(super) fn fair_share(&self) -> usize {
        let operators = self.consumers.values().filter(|consumer| consumer.evict.is_none());
        let (spilling, fixed) = operators.fold((0, 0), |(count, fixed), Consumer { holder, .. }| match holder.spills {
            true => (count + 1, fixed),
            false => (count, fixed + holder.reserved),
        });
        (self.capacity - self.protected()).saturating_sub(fixed) / spilling.max(1)
    }

    /// What an operator that spills needs to make any progress at all: refusing that much would not spill but kill.
    pub(super) fn working_set(&self) -> usize {
        (self.capacity / 32).max(FLOOR)
    }

    /// What a partial aggregate of the engine is granted at most.
    pub(super) fn of_partial_aggregate(&self) -> usize {
        self.working_set().max(self.capacity / 16)
    }

    /// What a row group has, encoded, when its writer ends it: with as much on its way to the file, the writer gets along
    /// with what is kept for those that cannot spill.
    pub(super) fn of_row_group(&self) -> usize {
        (self.protected() / 2).clamp(FLOOR, 64 << 20)
    }

    /// Whether `consumer` may have `more` while the process holds `resident` bytes: how many bytes must leave for disk
    /// first, or none if that would not help either.
    pub(super) fn judge(&self, consumer: &MemoryConsumer, more: usize, resident: u64, evicted: bool) -> Option<usize> {
        if more == 0 {
            return Some(0);
        }
        let spills = consumer.can_spill();
        let (own, is_table) = match self.consumers.get(&consumer.id()) {
            Some(known) => (known.holder.reserved, known.evict.is_some()),
            None => (0, false),
        };
        if is_partial_aggregate(consumer) && own.saturating_add(more) > self.of_partial_aggregate() {
            return None;
        }
        let resident = resident.saturating_add(more as u64);
        let ceiling = if spills { self.capacity - self.protected() } else { self.capacity };
        let over = self.reserved.saturating_add(more).saturating_sub(ceiling);
        if is_table {
            // A table takes what is free and drives nobody out. It stops before the process is full: what it gives back
            // later, the allocator does not give back at once, and the next statement needs code that is not there now.
            return (over == 0 && resident <= self.high().saturating_sub(MARGIN)).then_some(0);
        }
        let crowded = resident.saturating_sub(self.high()) as usize;
        let crowded = match spills && own.saturating_add(more) > self.working_set() {
            // What was freed has not left the process yet: who can spill does.
            true if evicted && crowded > 0 => return None,
            true => crowded,
            // Whom a refusal would kill is refused for the sum alone; but what can leave for him, leaves.
            false if evicted => 0,
            false => crowded.min(self.evictable),
        };
        let operators = (self.reserved - self.evictable).saturating_add(more);
        let fair = !spills || operators <= self.capacity / 2 || own.saturating_add(more) <= self.fair_share();
        let short = over.max(crowded);
        if fair && short <= self.evictable {
            return Some(short);
        }
        // What is reserved and not held.
        let within_limit = self.reserved.saturating_add(more) as u64 <= self.limit;
        let needs_it = !spills || own.saturating_add(more) <= FLOOR;
        (needs_it && within_limit && resident <= self.high()).then_some(0)
    }

    pub(super) fn take(&mut self, consumer: &MemoryConsumer, more: usize) {
        self.reserved += more;
        self.peak = self.peak.max(self.reserved);
        if let Some(Consumer { holder, evict }) = self.consumers.get_mut(&consumer.id()) {
            holder.reserved += more;
            holder.peak = holder.peak.max(holder.reserved);
            self.evictable += if evict.is_some() { more } else { 0 };
        }
    }

    pub(super) fn give_back(&mut self, consumer: &MemoryConsumer, less: usize) {
        self.reserved = self.reserved.saturating_sub(less);
        if let Some(Consumer { holder, evict }) = self.consumers.get_mut(&consumer.id()) {
            holder.reserved = holder.reserved.saturating_sub(less);
            self.evictable = self.evictable.saturating_sub(if evict.is_some() { less } else { 0 });
        }
    }

    /// The error for a request that was refused: who asked, for what, who holds the rest, and what would do.
    pub(super) fn refusal(&self, reservation: &MemoryReservation, more: usize) -> DataFusionError {
        let consumer = reservation.consumer();
        let message = format!(
            "{} cannot have {} more: it holds {}, all operators hold {} of {} inside the memory limit of {}",
            consumer.name(),
            bytes(more as u64),
            bytes(reservation.size() as u64),
            bytes(self.reserved as u64),
            bytes(self.capacity as u64),
            bytes(self.limit),
        );
        if consumer.can_spill() {
            // Operators that spill know this variant, and only this one, as the sign to do so.
            return DataFusionError::ResourcesExhausted(message);
        }
        let wanted = (self.reserved + more) as u64 * 3 / 2;
        let hint = format!("this operator cannot spill; a limit of {} may do", bytes(wanted + headroom(self.limit)));
        DataFusionError::ResourcesExhausted(Error::memory(message).with_hint(hint).report())
    }
}

/// Such a one hands its groups on when it is refused memory. It counts its hash table after it has grown, copies it to
/// one twice as large, and hands all of it on as one batch: a large one holds far more than it says, and finds hardly
/// more groups again than a small one.
fn is_partial_aggregate(consumer: &MemoryConsumer) -> bool {
    consumer.name().starts_with("PartialHashAggregateStream")
}
