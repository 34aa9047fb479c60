//! Rows that wait, first in, first out.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::execution::TaskContext;

use super::loan::Loan;
use super::metrics::SpillFigures;
use super::segment::Segment;
use super::spool::Spool;

/// Batches in the order they came: in memory as long as the budget grants it.
///
/// ```text
/// push ─► disk  disk  memory  disk  memory ─► pop
/// ```
pub(in crate::operator) struct Queue {
    batches: VecDeque<Waiting>,
    bytes: usize,
    loan: Arc<Loan>,
    context: Arc<TaskContext>,
    figures: SpillFigures,
    /// Where batches go, as long as any waits.
    spool: Option<Spool>,
}

/// A batch that has waited.
pub(in crate::operator) enum Waiting {
    Memory(RecordBatch),
    Disk(Segment),
}

impl Waiting {
    /// The batch; blocks the thread where it is on disk.
    pub(in crate::operator) fn read(self) -> Result<RecordBatch> {
        match self {
            Self::Memory(batch) => Ok(batch),
            Self::Disk(segment) => segment.read(),
        }
    }
}

impl Queue {
    pub(in crate::operator) fn new(loan: Arc<Loan>, context: Arc<TaskContext>, figures: SpillFigures) -> Self {
        Self { batches: VecDeque::new(), bytes: 0, loan, context, figures, spool: None }
    }

    pub(in crate::operator) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// `others` are the bytes that are held beside the queue, and reserved with it as long as the budget grants both.
    pub(in crate::operator) fn push(&mut self, batch: RecordBatch, others: usize) -> Result<()> {
        let more = get_record_batch_memory_size(&batch);
        if self.loan.reserve(self.bytes + more + others).is_ok() {
            self.bytes += more;
            self.batches.push_back(Waiting::Memory(batch));
            return Ok(());
        }
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::create(&self.context, &self.figures)?),
        };
        spool.push(&batch)?;
        self.batches.extend(spool.take().into_iter().map(Waiting::Disk));
        Ok(())
    }

    pub(in crate::operator) fn pop(&mut self) -> Option<Waiting> {
        let next = self.batches.pop_front();
        if let Some(Waiting::Memory(batch)) = &next {
            self.bytes = self.bytes.saturating_sub(get_record_batch_memory_size(batch));
        }
        // Its last file goes with the last of its batches.
        self.spool = self.spool.take().filter(|_| !self.batches.is_empty());
        next
    }

    /// Counts `others` from now on, and not what is held no more.
    pub(in crate::operator) fn settle(&self, others: usize) {
        self.loan.insist(self.bytes + others);
        self.loan.shrink_to(self.bytes + others);
    }

    /// Forgets all batches.
    pub(in crate::operator) fn clear(&mut self) {
        (self.batches, self.bytes, self.spool) = (VecDeque::new(), 0, None);
        self.loan.shrink_to(0);
    }
}
