//! The engine's memory pool: a cap on the sum of all reservations, fair shares only when room is short.

mod state;
mod watch;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use datafusion::common::Result as EngineResult;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit as PoolLimit, MemoryPool, MemoryReservation};
use parking_lot::Mutex;

use self::state::{Consumer, State};
use self::watch::Watch;
use super::evict::Evict;
use super::limit::{MemoryLimit, bytes};
use super::resident::Sampler;

/// What of the program's code runs for a statement beside its operators, in bytes: parsing, planning, reading a catalog.
const CODE: u64 = 40_000_000;

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
/// A consumer that cannot spill, or has no more than 4 MB, and would be refused for the sum alone, may take what is
/// reserved but not really held: up to the whole of the limit, while the resident size is below the last eighth. Before
/// anybody is refused for the resident size, the allocator gives back what is free ([`set_purge`](super::set_purge)); so
/// it does while nobody asks for anything, but operators decode and free (`watch`), and before a statement is planned.
/// Pages of code that went and will come back, as they did before, count for consumers that can spill.
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
    /// The last time that free memory was given back, of those that the watch knows of.
    seen: AtomicU64,
    state: Mutex<State>,
    /// Held while tables leave for disk.
    eviction: Mutex<()>,
    watch: OnceLock<Watch>,
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
        let mut state = State::default();
        state.set_limit(limit);
        Self {
            resident: Sampler::new(),
            seen: AtomicU64::new(0),
            state: Mutex::new(state),
            eviction: Mutex::new(()),
            watch: OnceLock::new(),
        }
    }

    /// From now on a thread looks at the resident size, too, between one request and the next.
    pub(crate) fn watch(self: &Arc<Self>) {
        self.watch.get_or_init(|| Watch::start(Arc::downgrade(self)));
    }

    /// The resident size in bytes. When it is half way from where operators spill to the limit, free memory is given
    /// back; where that does not help, tables leave for disk.
    fn look(&self) -> u64 {
        let mark = self.state.lock().mark();
        let resident = self.resident.below(mark, mark);
        let purged = self.resident.last_purge();
        // Whoever had it given back, since the last look.
        if self.seen.swap(purged, Ordering::Relaxed) != purged {
            self.evict_above(mark, resident);
        }
        resident
    }

    /// The watch is a thread among others, and where programs want more processors than there are, it comes late. Tables
    /// do not leave for it: those that leave come here themselves.
    fn look_if_late(&self) {
        if self.resident.is_late() {
            let mark = self.state.lock().mark();
            self.resident.below(mark, mark);
        }
    }

    /// A statement comes: what the one before freed is given back, and tables leave, until there is room for the code
    /// that plans it. That comes back from the system's file cache faster than anybody looks (seen: 35 MB in 2 ms).
    pub(crate) fn expect_statement(&self) {
        let mark = self.state.lock().mark().saturating_sub(CODE);
        self.resident.refresh();
        if !self.is_idle() {
            return;
        }
        self.resident.forget_code();
        if self.resident.bytes() <= mark {
            return;
        }
        self.resident.purge();
        self.evict_above(mark, self.resident.bytes());
    }

    /// Has tables leave where the process holds more than `mark` bytes.
    fn evict_above(&self, mark: u64, resident: u64) {
        let over = usize::try_from(resident.saturating_sub(mark)).unwrap_or(usize::MAX);
        if over > 0 && self.state.lock().evictable > 0 {
            let _one = self.eviction.lock();
            self.evict(over.max(self.capacity() / 16));
        }
    }

    /// Whether nobody is there but tables.
    fn is_idle(&self) -> bool {
        self.state.lock().consumers.values().all(|consumer| consumer.evict.is_some())
    }

    fn wake(&self) {
        if let Some(watch) = self.watch.get() {
            watch.wake();
        }
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

    /// The bytes at which a writer of Parquet ends a row group.
    pub(crate) fn of_row_group(&self) -> usize {
        self.state.lock().of_row_group()
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
        let (high, mark) = {
            let state = self.state.lock();
            (state.high(), state.mark())
        };
        let resident = self.resident.below(high.saturating_sub(more as u64), mark);
        // Whom a refusal would kill is not refused for what is yet to come.
        let to_come = if reservation.consumer().can_spill() { self.resident.to_come() } else { 0 };
        let resident = resident + to_come;
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

impl MemoryPool for Budget {
    fn name(&self) -> &str {
        "budget"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        let holder = Holder { name: consumer.name().to_string(), spills: consumer.can_spill(), reserved: 0, peak: 0 };
        self.state.lock().consumers.insert(consumer.id(), Consumer { holder, evict: None });
        self.wake();
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.state.lock().consumers.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.state.lock().take(reservation.consumer(), additional);
        self.look_if_late();
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.state.lock().give_back(reservation.consumer(), shrink);
        self.look_if_late();
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
mod tests;
