//! What is reserved for rows and values that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::Result;

use crate::operator::spill::Loan;

/// So many times what is modest is left for what cannot go to disk.
const ROOM: usize = 4;

/// The bytes of all that holds rows or values for one stream, reserved together from one loan.
pub(super) struct Budget {
    loan: Arc<Loan>,
    held: AtomicUsize,
}

impl Budget {
    pub(super) fn new(loan: Arc<Loan>) -> Arc<Self> {
        Arc::new(Self { loan, held: AtomicUsize::new(0) })
    }

    /// Bytes that may be refused: what they are for can go to disk. Room is left for what cannot, such as the values of
    /// a frame that a function keeps.
    pub(super) fn ask(self: &Arc<Self>, bytes: usize) -> Option<Grant> {
        let total = self.held.load(Ordering::Relaxed) + bytes;
        let left = if total <= self.loan.modest() { 0 } else { ROOM * self.loan.modest() };
        let granted = self.loan.reserve(total + left);
        self.loan.shrink_to(if granted.is_ok() { total } else { total - bytes });
        granted.ok().map(|()| self.grant(bytes))
    }

    /// The same for what goes at once, most of the time: a little is not asked for.
    pub(super) fn ask_for_now(self: &Arc<Self>, bytes: usize) -> Option<Grant> {
        match self.held.load(Ordering::Relaxed) + bytes <= self.loan.modest() {
            true => Some(self.insist(bytes)),
            false => self.ask(bytes),
        }
    }

    /// The same for what holds `held` bytes and cannot do with less than the room that is left.
    pub(super) fn ask_with_room(self: &Arc<Self>, held: usize, more: usize) -> Option<Grant> {
        match held + more <= ROOM * self.loan.modest() {
            true => Some(self.insist(more)),
            false => self.ask(more),
        }
    }

    /// Bytes whatever the budget says: for a single batch that has to be looked at.
    pub(super) fn insist(self: &Arc<Self>, bytes: usize) -> Grant {
        self.loan.insist(self.held.load(Ordering::Relaxed) + bytes);
        self.grant(bytes)
    }

    /// Bytes that there is no way without; an error only where the pool has no such room.
    fn take(self: &Arc<Self>, bytes: usize) -> Result<Grant> {
        let total = self.held.load(Ordering::Relaxed) + bytes;
        if total > self.loan.modest() {
            self.loan.reserve_last(total)?;
        }
        Ok(self.insist(bytes))
    }

    fn grant(self: &Arc<Self>, bytes: usize) -> Grant {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Grant { budget: Arc::clone(self), bytes }
    }

    fn give_back(&self, bytes: usize) {
        let before = self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.loan.shrink_to(before.saturating_sub(bytes));
    }
}

/// Bytes that are reserved until it is dropped.
pub(super) struct Grant {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Grant {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Has `bytes` of them at least; whether the budget grants it, for what cannot do with less than the room that is left.
    pub(super) fn ask(&mut self, bytes: usize) -> bool {
        let Some(more) = bytes.checked_sub(self.bytes) else { return true };
        let granted = self.budget.ask_with_room(self.bytes, more);
        self.bytes += granted.as_ref().map_or(0, |_| more);
        granted.map(|mut granted| std::mem::take(&mut granted.bytes)).is_some()
    }

    /// Changes how many they are; an error only where the pool has no room for more.
    pub(super) fn set(&mut self, bytes: usize) -> Result<()> {
        match bytes.checked_sub(self.bytes) {
            // What is little by itself is counted, however full of rows the pool is: they can go to disk.
            Some(more) if bytes <= self.budget.loan.modest() => {
                self.bytes += std::mem::take(&mut self.budget.insist(more).bytes);
            }
            Some(more) => self.bytes += std::mem::take(&mut self.budget.take(more)?.bytes),
            None => {
                self.budget.give_back(self.bytes - bytes);
                self.bytes = bytes;
            }
        }
        Ok(())
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}
