//! The engine's memory pool: a hard cap on the sum of all reservations, fair shares only when room is short.

use std::collections::HashMap;
use std::fmt;

use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit as PoolLimit, MemoryPool, MemoryReservation};
use parking_lot::Mutex;

use super::limit::{MemoryLimit, bytes};
use super::resident::Sampler;
use crate::error::Error;

/// The budget: what the operators of all queries of one context may reserve together.
///
/// A request of `n` bytes is granted when
///
/// 1. the sum of all reservations stays within the capacity (for a consumer that can spill: within the capacity less
///    the protected reserve, which is kept for those that cannot);
/// 2. once more than half of the capacity is reserved, a consumer that can spill stays within its fair share of what
///    the others, that cannot, leave over. Before that one large sort may take what it likes;
/// 3. the resident size of the process, sampled, has room for it (consumers that can spill only: refusing the others
///    would kill queries that may well end inside the limit). A consumer's first bytes, its working set of a 32nd of
///    the capacity, are granted whatever the resident size: who holds nothing has nothing to spill.
///
/// ```text
///   0                    half                                     capacity
///   ├── first come ───────┼── fair shares of those that spill ──┬── protected ──┤
/// ```
///
/// FairSpillPool of DataFusion looks at a consumer's own share only and never at the sum; this pool never grants past
/// it. The infallible `grow`, which a few operators call after the fact, is counted all the same, so that the next
/// request is refused.
#[derive(Debug)]
pub struct Budget {
    resident: Sampler,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: u64,
    capacity: usize,
    reserved: usize,
    peak: usize,
    consumers: HashMap<usize, Holder>,
}

/// One consumer of the budget: an operator of a running query.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The operator's name for itself, with its partition.
    pub name: String,
    /// Whether it can give memory back by spilling.
    pub spills: bool,
    /// Bytes it holds now.
    pub reserved: usize,
    /// The most bytes it has held.
    pub peak: usize,
}

/// What is kept for code, stacks, caches and the buffers of scans, which no operator reserves.
fn headroom(limit: u64) -> u64 {
    48_000_000 + limit / 8
}

impl Budget {
    /// A budget inside `limit`: its capacity is the limit less 48 MB and an eighth.
    pub fn new(limit: MemoryLimit) -> Self {
        let mut state = State { limit: 0, capacity: 0, reserved: 0, peak: 0, consumers: HashMap::new() };
        state.set_limit(limit);
        Self { resident: Sampler::new(), state: Mutex::new(state) }
    }

    /// Moves the limit; what is held already stays held, and requests are refused until it fits again.
    pub fn set_limit(&self, limit: MemoryLimit) {
        self.state.lock().set_limit(limit);
    }

    /// The most bytes that can be reserved together.
    pub fn capacity(&self) -> usize {
        self.state.lock().capacity
    }

    /// The most bytes that were reserved together since [`Budget::reset_peak`].
    pub fn peak(&self) -> usize {
        self.state.lock().peak
    }

    /// Starts a new measurement of [`Budget::peak`].
    pub fn reset_peak(&self) {
        let mut state = self.state.lock();
        state.peak = state.reserved;
    }

    /// Who holds memory now, the largest first.
    pub fn holders(&self) -> Vec<Holder> {
        let mut holders: Vec<_> = self.state.lock().consumers.values().cloned().collect();
        holders.sort_by(|a, b| b.reserved.cmp(&a.reserved).then_with(|| a.name.cmp(&b.name)));
        holders
    }
}

impl State {
    fn set_limit(&mut self, limit: MemoryLimit) {
        self.limit = limit.bytes();
        self.capacity = usize::try_from(self.limit - headroom(self.limit)).unwrap_or(usize::MAX);
    }

    /// An eighth of the capacity, for consumers that cannot spill.
    fn protected(&self) -> usize {
        self.capacity / 8
    }

    /// How much one spilling consumer may hold when room is short.
    fn fair_share(&self) -> usize {
        let (spilling, fixed) = self.consumers.values().fold((0, 0), |(count, fixed), holder| match holder.spills {
            true => (count + 1, fixed),
            false => (count, fixed + holder.reserved),
        });
        (self.capacity - self.protected()).saturating_sub(fixed) / spilling.max(1)
    }

    /// Whether a consumer that holds `own` bytes may have `more`.
    fn allows(&self, spills: bool, own: usize, more: usize, resident: u64) -> bool {
        let after = self.reserved.saturating_add(more);
        if !spills {
            return after <= self.capacity;
        }
        after <= self.capacity - self.protected()
            && (after <= self.capacity / 2 || own.saturating_add(more) <= self.fair_share())
            && (own.saturating_add(more) <= self.working_set() || resident.saturating_add(more as u64) <= self.limit)
    }

    /// What an operator that spills needs to make any progress at all.
    fn working_set(&self) -> usize {
        self.capacity / 32
    }

    fn take(&mut self, consumer: &MemoryConsumer, more: usize) {
        self.reserved += more;
        self.peak = self.peak.max(self.reserved);
        if let Some(holder) = self.consumers.get_mut(&consumer.id()) {
            holder.reserved += more;
            holder.peak = holder.peak.max(holder.reserved);
        }
    }

    /// The error for a request that was refused: who asked, for what, who holds the rest, and what would do.
    fn refusal(&self, reservation: &MemoryReservation, more: usize) -> DataFusionError {
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

impl MemoryPool for Budget {
    fn name(&self) -> &str {
        "budget"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        let holder = Holder { name: consumer.name().to_string(), spills: consumer.can_spill(), reserved: 0, peak: 0 };
        self.state.lock().consumers.insert(consumer.id(), holder);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.state.lock().consumers.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.state.lock().take(reservation.consumer(), additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut state = self.state.lock();
        state.reserved = state.reserved.saturating_sub(shrink);
        if let Some(holder) = state.consumers.get_mut(&reservation.consumer().id()) {
            holder.reserved = holder.reserved.saturating_sub(shrink);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> EngineResult<()> {
        let resident = self.resident.bytes();
        let consumer = reservation.consumer();
        let mut state = self.state.lock();
        if !state.allows(consumer.can_spill(), reservation.size(), additional, resident) {
            return Err(state.refusal(reservation, additional));
        }
        state.take(consumer, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.state.lock().reserved
    }

    fn memory_limit(&self) -> PoolLimit {
        PoolLimit::Finite(self.capacity())
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        write!(f, "budget(reserved: {}, capacity: {})", bytes(state.reserved as u64), bytes(state.capacity as u64))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn budget() -> (Arc<dyn MemoryPool>, usize) {
        // Far above what the test process holds, so that the resident size never decides.
        let budget = Budget::new(MemoryLimit::new(1 << 40).unwrap());
        let capacity = budget.capacity();
        (Arc::new(budget), capacity)
    }

    fn consumer(pool: &Arc<dyn MemoryPool>, name: &str, spills: bool) -> MemoryReservation {
        MemoryConsumer::new(name).with_can_spill(spills).register(pool)
    }

    #[test]
    fn one_sort_alone_may_take_all_but_the_protected_reserve() {
        let (pool, capacity) = budget();
        let sort = consumer(&pool, "sort", true);
        sort.try_grow(capacity - capacity / 8 - 8).unwrap();
        assert!(sort.try_grow(1 << 20).is_err());
        consumer(&pool, "merge", false).try_grow(capacity / 8).unwrap();
    }

    #[test]
    fn shares_are_fair_once_half_is_gone() {
        let (pool, capacity) = budget();
        let (first, second) = (consumer(&pool, "first", true), consumer(&pool, "second", true));
        first.try_grow(capacity / 2).unwrap();
        assert!(first.try_grow(capacity / 8).is_err(), "above its share while room is short");
        second.try_grow(capacity / 4).unwrap();
    }

    /// FairSpillPool let every consumer grow to its share whatever the others held, so that the sum passed the limit.
    #[test]
    fn the_sum_never_passes_the_capacity() {
        let (pool, capacity) = budget();
        let consumers: Vec<_> = (0..8).map(|i| consumer(&pool, "c", i % 2 == 0)).collect();
        let step = capacity / 100;
        std::thread::scope(|scope| {
            for reservation in &consumers {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _ = reservation.try_grow(step);
                    }
                });
            }
        });
        assert!(pool.reserved() <= capacity);
        drop(consumers);
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn a_refusal_names_operator_and_bytes() {
        let (pool, capacity) = budget();
        let join = consumer(&pool, "HashJoinInput[0]", false);
        let message = join.try_grow(capacity + 1).unwrap_err().to_string();
        assert!(message.contains("HashJoinInput[0]") && message.contains("memory limit"), "{message}");
    }
}
