//! What is reserved for rows and values that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::Result;

use crate::operator::spill::Loan;

/// The bytes of all that holds rows or values for one stream, reserved together from one loan.
pub(super) struct Budget {
    loan: Arc<Loan>,
    held: AtomicUsize,
}

impl Budget {
    pub(super) fn new(loan: Arc<Loan>) -> Arc<Self> {
        Arc::new(Self { loan, held: AtomicUsize::new(0) })
    }

    /// Bytes that may be refused: what they are for can go to disk.
    pub(super) fn ask(self: &Arc<Self>, bytes: usize) -> Option<Grant> {
        self.loan.reserve(self.held.load(Ordering::Relaxed) + bytes).ok()?;
        Some(self.grant(bytes))
    }

    /// Bytes that there is no way without; an error only where the pool has no such room.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Result<Grant> {
        let total = self.held.load(Ordering::Relaxed) + bytes;
        match total <= self.loan.modest() {
            true => self.loan.insist(total),
            false => self.loan.reserve_last(total)?,
        }
        Ok(self.grant(bytes))
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
    /// Changes how many they are; an error only where the pool has no room for more.
    pub(super) fn set(&mut self, bytes: usize) -> Result<()> {
        match bytes.checked_sub(self.bytes) {
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
