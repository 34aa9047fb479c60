//! Memory that an operator of ours reserves, and the engine's operator inside it uses.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::metrics::Gauge;
use parking_lot::Mutex;

/// What an operator takes without asking when it is refused: less cannot be worked with, and it is counted all the same.
const FLOOR: usize = if cfg!(test) { 2 << 10 } else { 2 << 20 };

/// A reservation of the budget that is lent on.
///
/// The engine's join reserves for itself, batch by batch, and dies when it is refused. So the whole of what it will
/// need is reserved here first; it then runs in a task whose pool is this loan, and is never counted twice.
#[derive(Debug)]
pub(in crate::operator) struct Loan {
    reservation: MemoryReservation,
    pool: Arc<dyn MemoryPool>,
    modest: usize,
    peak: Gauge,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that the borrower has taken.
    lent: usize,
    /// Whether the reservation follows what is lent.
    settled: bool,
}

impl Loan {
    /// A loan of nothing yet, for an operator of that name.
    pub(in crate::operator) fn new(name: &str, context: &TaskContext, peak: Gauge) -> Arc<Self> {
        let pool = Arc::clone(context.memory_pool());
        let reservation = MemoryConsumer::new(name).with_can_spill(true).register(&pool);
        let modest = capacity(&pool) / (8 * context.session_config().target_partitions().max(1));
        Arc::new(Self { reservation, pool, modest, peak, state: Mutex::default() })
    }

    /// Reserves `total` bytes, with what is reserved already; an error when the budget refuses.
    pub(in crate::operator) fn reserve(&self, total: usize) -> Result<()> {
        let more = total.saturating_sub(self.reservation.size());
        match self.reservation.try_grow(more) {
            Err(refusal) if !self.may_insist(total, more) => Err(refusal),
            refused => {
                self.reservation.grow(if refused.is_err() { more } else { 0 });
                self.peak.set_max(self.reservation.size());
                Ok(())
            }
        }
    }

    /// Whether less than `total` would help nobody. A budget also refuses for what others hold, counted or not; were
    /// each partition split again for that, all rows would be written over and over, for a few megabytes.
    fn may_insist(&self, total: usize, more: usize) -> bool {
        total <= FLOOR || (total <= self.modest && self.pool.reserved() + more <= capacity(&self.pool))
    }

    /// Counts `total` bytes whatever the budget says: what there is no way without.
    pub(in crate::operator) fn insist(&self, total: usize) {
        self.reservation.grow(total.saturating_sub(self.reservation.size()));
        self.peak.set_max(self.reservation.size());
    }

    /// Reserves `total` bytes for what there is no other way to do; an error only where the pool has no such room.
    pub(in crate::operator) fn reserve_last(&self, total: usize) -> Result<()> {
        self.reserve(total).or_else(|refusal| {
            let more = total.saturating_sub(self.reservation.size());
            let fits = self.pool.reserved().saturating_add(more) <= capacity(&self.pool);
            if !fits {
                return Err(refusal);
            }
            self.insist(total);
            Ok(())
        })
    }

    /// As much as may be taken without thinking of others, in bytes.
    pub(in crate::operator) fn modest(&self) -> usize {
        self.modest.max(FLOOR)
    }

    /// Gives back what exceeds `total` bytes.
    pub(in crate::operator) fn shrink_to(&self, total: usize) {
        self.reservation.shrink(self.reservation.size().saturating_sub(total));
    }

    /// Gives back what the borrower has not taken; from here on the reservation follows it.
    pub(in crate::operator) fn settle(&self) {
        let mut state = self.state.lock();
        state.settled = true;
        self.reservation.shrink(self.reservation.size().saturating_sub(state.lent));
    }

    /// Takes the reservation away, as it is.
    pub(in crate::operator) fn take(&self) -> MemoryReservation {
        self.reservation.split(self.reservation.size())
    }

    /// An empty reservation of the same consumer.
    pub(in crate::operator) fn share(&self) -> MemoryReservation {
        self.reservation.new_empty()
    }

    /// A task that is `context` except that its memory comes from this loan.
    pub(in crate::operator) fn task(self: &Arc<Self>, context: &TaskContext) -> Arc<TaskContext> {
        let runtime =
            RuntimeEnv { memory_pool: Arc::new(LentPool(Arc::clone(self))), ..context.runtime_env().as_ref().clone() };
        // A join looks up no function: those of the task are hundreds of entries to copy for each pair.
        let (task, session) = (context.task_id(), context.session_id());
        let config = context.session_config().clone();
        let none = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        Arc::new(TaskContext::new(task, session, config, none.0, none.1, none.2, none.3, Arc::new(runtime)))
    }

    fn lend(&self, more: usize) {
        let mut state = self.state.lock();
        state.lent += more;
        // What exceeds the estimate is there already: it is counted, so that the next request is refused.
        self.reservation.grow(state.lent.saturating_sub(self.reservation.size()));
    }

    fn take_back(&self, less: usize) {
        let mut state = self.state.lock();
        state.lent = state.lent.saturating_sub(less);
        if state.settled {
            self.reservation.shrink(self.reservation.size().saturating_sub(state.lent));
        }
    }
}

/// The bytes of a pool that has an end; 0 for any other, which refuses nothing.
pub(in crate::operator) fn capacity(pool: &Arc<dyn MemoryPool>) -> usize {
    match pool.memory_limit() {
        MemoryLimit::Finite(capacity) => capacity,
        _ => 0,
    }
}

/// The pool that the borrower sees.
#[derive(Debug)]
struct LentPool(Arc<Loan>);

impl MemoryPool for LentPool {
    fn name(&self) -> &str {
        "loan"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.0.lend(additional);
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.0.take_back(shrink);
    }

    fn try_grow(&self, _: &MemoryReservation, additional: usize) -> Result<()> {
        self.0.lend(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.0.state.lock().lent
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Unknown
    }
}

impl fmt::Display for LentPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "loan of {}", self.0.reservation.consumer().name())
    }
}
