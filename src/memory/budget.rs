//! The engine's memory pool: a cap on the sum of all reservations, fair shares only when room is short.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit as PoolLimit, MemoryPool, MemoryReservation};
use parking_lot::Mutex;

use super::evict::Evict;
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
/// 3. the resident size of the process, sampled, has room for it below the last eighth of the limit (consumers that
///    can spill only: refusing the others would kill queries that may well end inside the limit). A consumer's working
///    set, a 32nd of the capacity and at least 4 MB, is granted whatever the resident size: who holds next to nothing
///    has nothing to spill.
///
/// A partial aggregate of the engine is granted a 16th of the capacity and no more.
///
/// A consumer that cannot spill, or has no more than 4 MB, and would be refused for the sum alone, may take what is reserved but not really held:
/// up to the whole of the limit, while the resident size is below the last eighth. Before anybody is refused for the
/// resident size, the allocator gives back what is free ([`set_purge`](super::set_purge)).
///
/// ```text
///   0                    half                                     capacity
///   ├── first come ───────┼── fair shares of those that spill ──┬── protected ──┤
/// ```
///
/// Tables in memory are held for no query. They take what is free and count as nobody in the rules above; when a request
/// would be granted without them but not beside them, the budget has them leave for disk (`Evict`), the largest first,
/// and judges once more:
///
/// ```text
///   ├── operators ──┬── tables ──────────────────────────────┬─ free ─┬── protected ──┤
///   ├── operators ──┴── a sort asks ──────┬── tables ────────┴────────┴── protected ──┤
///                                         └─► the rest is on disk
/// ```
///
/// One eviction runs at a time, with no other lock held: evicting gives memory back, which takes the state's lock. Who
/// waits for his turn finds the room that the one before him made.
///
/// FairSpillPool of DataFusion looks at a consumer's own share only and never at the sum; this pool never grants past
/// it. The infallible `grow`, which a few operators call after the fact, is counted all the same, so that the next
/// request is refused.
///
/// ```
/// # fn main() -> partita::Result<()> {
/// # use std::sync::Arc;
/// # use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
/// # use partita::{MemoryLimit, memory::Budget};
/// let budget = Arc::new(Budget::new(MemoryLimit::new(512_000_000)?));
/// let pool: Arc<dyn MemoryPool> = budget.clone();
/// let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
/// sort.try_grow(1_000_000)?;
/// assert_eq!(budget.peak(), 1_000_000);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Budget {
    resident: Sampler,
    state: Mutex<State>,
    /// Held while tables leave for disk.
    eviction: Mutex<()>,
}

#[derive(Debug)]
struct State {
    limit: u64,
    capacity: usize,
    reserved: usize,
    /// The part of it that can leave for disk.
    evictable: usize,
    peak: usize,
    consumers: HashMap<usize, Consumer>,
}

#[derive(Debug)]
struct Consumer {
    holder: Holder,
    /// How to ask it to leave for disk, where it can at any time.
    evict: Option<Weak<dyn Evict>>,
}

/// One consumer of the budget: an operator of a running query.
///
/// ```
/// # fn main() -> partita::Result<()> {
/// # use std::sync::Arc;
/// # use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
/// # use partita::{MemoryLimit, memory::Budget};
/// # let budget = Arc::new(Budget::new(MemoryLimit::new(512_000_000)?));
/// # let pool: Arc<dyn MemoryPool> = budget.clone();
/// # let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
/// # sort.try_grow(1_000_000)?;
/// let holder = &budget.holders()[0];
/// assert_eq!((holder.name.as_str(), holder.spills, holder.reserved), ("sort", true, 1_000_000));
/// # Ok(()) }
/// ```
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

/// What a consumer that spills works with at least, in bytes: a few batches.
const FLOOR: usize = 4_000_000;

/// Operators spill when the resident size is this far below the limit, or an eighth of it where that is more: between
/// two looks at it, and by what nobody reports, it grows.
const MARGIN: u64 = 24_000_000;

/// What is kept for code, stacks, caches and the buffers of scans, which no operator reserves.
fn headroom(limit: u64) -> u64 {
    48_000_000 + limit / 8
}

impl Budget {
    /// A budget inside `limit`: its capacity is the limit less 48 MB and an eighth.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// use partita::{MemoryLimit, memory::Budget};
    /// let budget = Budget::new(MemoryLimit::new(512_000_000)?);
    /// assert_eq!(budget.capacity(), 400_000_000);
    /// # Ok(()) }
    /// ```
    pub fn new(limit: MemoryLimit) -> Self {
        let mut state = State { limit: 0, capacity: 0, reserved: 0, evictable: 0, peak: 0, consumers: HashMap::new() };
        state.set_limit(limit);
        Self { resident: Sampler::new(), state: Mutex::new(state), eviction: Mutex::new(()) }
    }

    /// Moves the limit. Tables leave for disk until it fits; what operators hold already stays held, and requests are
    /// refused until it fits again.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # use partita::{MemoryLimit, memory::Budget};
    /// let budget = Budget::new(MemoryLimit::smallest());
    /// budget.set_limit(MemoryLimit::new(512_000_000)?);
    /// assert_eq!(budget.capacity(), 400_000_000);
    /// # Ok(()) }
    /// ```
    pub fn set_limit(&self, limit: MemoryLimit) {
        let over = {
            let mut state = self.state.lock();
            state.set_limit(limit);
            state.reserved.saturating_sub(state.capacity - state.protected())
        };
        if over > 0 {
            let _one = self.eviction.lock();
            self.evict(over);
        }
    }

    /// From now on the consumer of that id is asked to leave for disk when others need the room.
    pub(crate) fn mark_evictable(&self, consumer: usize, evict: Weak<dyn Evict>) {
        let mut state = self.state.lock();
        let Some(consumer) = state.consumers.get_mut(&consumer) else { return };
        consumer.evict = Some(evict);
        let reserved = consumer.holder.reserved;
        state.evictable += reserved;
    }

    /// The most bytes that can be reserved together.
    ///
    /// ```
    /// # use partita::{MemoryLimit, memory::Budget};
    /// let budget = Budget::new(MemoryLimit::smallest());
    /// assert_eq!(budget.capacity(), 64_000_000);
    /// ```
    pub fn capacity(&self) -> usize {
        self.state.lock().capacity
    }

    /// The most bytes that one partial aggregate of the engine is granted.
    pub(crate) fn of_partial_aggregate(&self) -> usize {
        self.state.lock().of_partial_aggregate()
    }

    /// The most bytes that were reserved together since [`Budget::reset_peak`].
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # use std::sync::Arc;
    /// # use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
    /// # use partita::{MemoryLimit, memory::Budget};
    /// # let budget = Arc::new(Budget::new(MemoryLimit::new(512_000_000)?));
    /// # let pool: Arc<dyn MemoryPool> = budget.clone();
    /// # let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
    /// # sort.try_grow(1_000_000)?;
    /// drop(sort);
    /// assert_eq!(budget.peak(), 1_000_000);
    /// # Ok(()) }
    /// ```
    pub fn peak(&self) -> usize {
        self.state.lock().peak
    }

    /// Starts a new measurement of [`Budget::peak`].
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # use std::sync::Arc;
    /// # use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
    /// # use partita::{MemoryLimit, memory::Budget};
    /// # let budget = Arc::new(Budget::new(MemoryLimit::new(512_000_000)?));
    /// # let pool: Arc<dyn MemoryPool> = budget.clone();
    /// # let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
    /// # sort.try_grow(1_000_000)?;
    /// drop(sort);
    /// budget.reset_peak();
    /// assert_eq!(budget.peak(), 0);
    /// # Ok(()) }
    /// ```
    pub fn reset_peak(&self) {
        let mut state = self.state.lock();
        state.peak = state.reserved;
    }

    /// Who holds memory now, the largest first.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # use std::sync::Arc;
    /// # use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
    /// # use partita::{MemoryLimit, memory::Budget};
    /// # let budget = Arc::new(Budget::new(MemoryLimit::new(512_000_000)?));
    /// # let pool: Arc<dyn MemoryPool> = budget.clone();
    /// # let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&pool);
    /// # sort.try_grow(1_000_000)?;
    /// for holder in budget.holders() {
    ///     println!("{}: {} bytes", holder.name, holder.reserved);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn holders(&self) -> Vec<Holder> {
        let mut holders: Vec<_> =
            self.state.lock().consumers.values().map(|consumer| consumer.holder.clone()).collect();
        holders.sort_by(|a, b| b.reserved.cmp(&a.reserved).then_with(|| a.name.cmp(&b.name)));
        holders
    }

    /// Grants a request (0), or tells how many bytes must leave for disk first.
    fn request(&self, reservation: &MemoryReservation, more: usize, evicted: bool) -> EngineResult<usize> {
        let high = self.state.lock().high();
        let resident = self.resident.below(high.saturating_sub(more as u64));
        let mut state = self.state.lock();
        match state.judge(reservation.consumer(), more, resident, evicted) {
            Some(0) => state.take(reservation.consumer(), more),
            Some(short) => return Ok(short),
            None => return Err(state.refusal(reservation, more)),
        }
        Ok(0)
    }

    /// Has tables leave for disk until that many bytes are free; how many were freed.
    fn evict(&self, bytes: usize) -> usize {
        let mut tables: Vec<(usize, Arc<dyn Evict>)> = {
            let state = self.state.lock();
            let table = |consumer: &Consumer| Some((consumer.holder.reserved, consumer.evict.as_ref()?.upgrade()?));
            state.consumers.values().filter_map(table).collect()
        };
        tables.sort_by_key(|(reserved, _)| std::cmp::Reverse(*reserved));
        let mut freed = 0;
        for (_, table) in tables {
            if freed >= bytes {
                break;
            }
            freed += table.evict(bytes - freed);
        }
        freed
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

    /// The resident size from which operators spill.
    fn high(&self) -> u64 {
        self.limit - (self.limit / 8).max(MARGIN)
    }

    /// How much one spilling consumer may hold when room is short.
    fn fair_share(&self) -> usize {
        let operators = self.consumers.values().filter(|consumer| consumer.evict.is_none());
        let (spilling, fixed) = operators.fold((0, 0), |(count, fixed), Consumer { holder, .. }| match holder.spills {
            true => (count + 1, fixed),
            false => (count, fixed + holder.reserved),
        });
        (self.capacity - self.protected()).saturating_sub(fixed) / spilling.max(1)
    }

    /// What an operator that spills needs to make any progress at all: refusing that much would not spill but kill.
    fn working_set(&self) -> usize {
        (self.capacity / 32).max(FLOOR)
    }

    /// What a partial aggregate of the engine is granted at most.
    fn of_partial_aggregate(&self) -> usize {
        self.working_set().max(self.capacity / 16)
    }

    /// Whether `consumer` may have `more` while the process holds `resident` bytes: how many bytes must leave for disk
    /// first, or none if that would not help either.
    fn judge(&self, consumer: &MemoryConsumer, more: usize, resident: u64, evicted: bool) -> Option<usize> {
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
            // later, the allocator does not give back at once.
            return (over == 0 && resident <= self.high()).then_some(0);
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

    fn take(&mut self, consumer: &MemoryConsumer, more: usize) {
        self.reserved += more;
        self.peak = self.peak.max(self.reserved);
        if let Some(Consumer { holder, evict }) = self.consumers.get_mut(&consumer.id()) {
            holder.reserved += more;
            holder.peak = holder.peak.max(holder.reserved);
            self.evictable += if evict.is_some() { more } else { 0 };
        }
    }

    fn give_back(&mut self, consumer: &MemoryConsumer, less: usize) {
        self.reserved = self.reserved.saturating_sub(less);
        if let Some(Consumer { holder, evict }) = self.consumers.get_mut(&consumer.id()) {
            holder.reserved = holder.reserved.saturating_sub(less);
            self.evictable = self.evictable.saturating_sub(if evict.is_some() { less } else { 0 });
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

/// Such a one hands its groups on when it is refused memory. It counts its hash table after it has grown, copies it to
/// one twice as large, and hands all of it on as one batch: a large one holds far more than it says, and finds hardly
/// more groups again than a small one.
fn is_partial_aggregate(consumer: &MemoryConsumer) -> bool {
    consumer.name().starts_with("PartialHashAggregateStream")
}

impl MemoryPool for Budget {
    fn name(&self) -> &str {
        "budget"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        let holder = Holder { name: consumer.name().to_string(), spills: consumer.can_spill(), reserved: 0, peak: 0 };
        self.state.lock().consumers.insert(consumer.id(), Consumer { holder, evict: None });
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.state.lock().consumers.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.state.lock().take(reservation.consumer(), additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.state.lock().give_back(reservation.consumer(), shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> EngineResult<()> {
        if self.request(reservation, additional, false)? == 0 {
            return Ok(());
        }
        let _one = self.eviction.lock();
        let mut evicted = false;
        // First the one before may have made room enough; later others, who need no eviction, may take what was freed.
        loop {
            let short = self.request(reservation, additional, evicted)?;
            if short == 0 {
                return Ok(());
            }
            // Ahead of what is asked for: small requests follow, and freed memory takes its time to leave the process.
            if self.evict(short.max(self.capacity() / 16)) == 0 {
                return Err(self.state.lock().refusal(reservation, additional));
            }
            self.resident.refresh();
            evicted = true;
        }
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
        let consumers: Vec<_> = (0..8).map(|_| consumer(&pool, "c", true)).collect();
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

    /// A merge of sorted runs was refused ten megabytes and its query died, while half of what was reserved, the sorts'
    /// copies of rows that they had not made yet, was not held by anybody.
    #[test]
    fn who_cannot_spill_may_have_what_is_not_held_within_the_limit() {
        let (pool, capacity) = budget();
        let (sort, merge) = (consumer(&pool, "sort", true), consumer(&pool, "merge", false));
        sort.try_grow(capacity / 8 * 7).unwrap();
        merge.try_grow(capacity / 8 + (1 << 30)).unwrap();
        assert!(sort.try_grow(1).is_err() && merge.try_grow(1 << 40).is_err());
    }

    #[test]
    fn a_partial_aggregate_stays_small() {
        let (pool, capacity) = budget();
        let partial = consumer(&pool, "PartialHashAggregateStream[0]", true);
        partial.try_grow(capacity / 20).unwrap();
        assert!(partial.try_grow(capacity / 20).is_err());
    }

    /// A table of ten equal batches, without a disk.
    #[derive(Debug)]
    struct Table {
        batches: Mutex<Vec<MemoryReservation>>,
    }

    impl Evict for Table {
        fn evict(&self, bytes: usize) -> usize {
            let mut freed = 0;
            while freed < bytes {
                let Some(batch) = self.batches.lock().pop() else { break };
                freed += batch.free();
            }
            freed
        }
    }

    fn table(budget: &Arc<Budget>, bytes: usize) -> Arc<Table> {
        let pool: Arc<dyn MemoryPool> = Arc::clone(budget) as _;
        let first = consumer(&pool, "StoredTable[t][0]", true);
        let table = Arc::new(Table { batches: Mutex::default() });
        let evict: Arc<dyn Evict> = Arc::clone(&table) as _;
        budget.mark_evictable(first.consumer().id(), Arc::downgrade(&evict));
        for _ in 0..10 {
            let batch = first.new_empty();
            batch.try_grow(bytes / 10).unwrap();
            table.batches.lock().push(batch);
        }
        table
    }

    #[test]
    fn a_table_gives_way_to_those_who_ask_and_to_no_table() {
        let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
        let pool: Arc<dyn MemoryPool> = Arc::clone(&budget) as _;
        let capacity = budget.capacity();
        let first = table(&budget, capacity / 2);
        let second = table(&budget, capacity / 4);
        let batch = second.batches.lock()[0].new_empty();
        assert!(batch.try_grow(capacity / 4).is_err(), "a table drove another out");
        let sort = consumer(&pool, "sort", true);
        sort.try_grow(capacity / 2).unwrap();
        assert!(first.batches.lock().len() < 10, "the largest leaves first");
        assert_eq!(second.batches.lock().len(), 10);
        consumer(&pool, "join", false).try_grow(capacity / 2).unwrap();
        assert_eq!(first.batches.lock().len() + second.batches.lock().len(), 0);
        drop(sort);
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn a_refusal_that_eviction_would_not_mend_evicts_nothing() {
        let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
        let pool: Arc<dyn MemoryPool> = Arc::clone(&budget) as _;
        let table = table(&budget, budget.capacity() / 2);
        assert!(consumer(&pool, "join", false).try_grow(budget.capacity() + 1).is_err());
        assert_eq!(table.batches.lock().len(), 10);
    }

    /// Joins asked at once, and the one that found the table already leaving, or the room it had made taken by another,
    /// was refused and died.
    #[test]
    fn whoever_waits_for_an_eviction_finds_its_room() {
        let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
        let pool: Arc<dyn MemoryPool> = Arc::clone(&budget) as _;
        let capacity = budget.capacity();
        let _table = table(&budget, capacity / 8 * 7 - 16);
        let joins: Vec<_> = (0..8).map(|_| consumer(&pool, "join", false)).collect();
        std::thread::scope(|scope| {
            for join in &joins {
                scope.spawn(|| (0..64).for_each(|_| join.try_grow(capacity / 512).unwrap()));
            }
        });
        assert!(pool.reserved() <= capacity);
    }

    #[test]
    fn a_smaller_limit_sends_tables_to_disk() {
        let budget = Arc::new(Budget::new(MemoryLimit::new(1 << 40).unwrap()));
        let table = table(&budget, budget.capacity() / 2);
        budget.set_limit(MemoryLimit::new(1 << 38).unwrap());
        assert!(table.batches.lock().len() < 10 && budget.reserved() <= budget.capacity());
    }

    #[test]
    fn a_refusal_names_operator_and_bytes() {
        let (pool, capacity) = budget();
        let join = consumer(&pool, "HashJoinInput[0]", false);
        let message = join.try_grow(capacity + (1 << 40)).unwrap_err().to_string();
        assert!(message.contains("HashJoinInput[0]") && message.contains("memory limit"), "{message}");
    }
}
