//! Rows that wait for their values.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::execution::TaskContext;

use crate::operator::spill::{Loan, Segment, SpillFigures, Spool};

/// Batches, first in, first out: in memory as long as the budget grants it.
pub(super) struct Waiting {
    batches: VecDeque<Rows>,
    bytes: usize,
    loan: Arc<Loan>,
    context: Arc<TaskContext>,
    figures: SpillFigures,
    spool: Option<Spool>,
}

enum Rows {
    Memory(RecordBatch),
    Disk(Segment),
}

impl Waiting {
    pub(super) fn new(loan: Arc<Loan>, context: Arc<TaskContext>, figures: SpillFigures) -> Self {
        Self { batches: VecDeque::new(), bytes: 0, loan, context, figures, spool: None }
    }

    /// `others` are the bytes of the functions, which are reserved with the rows.
    pub(super) fn push(&mut self, batch: RecordBatch, others: usize) -> Result<()> {
        let more = get_record_batch_memory_size(&batch);
        // The first goes out at once, most of the time.
        if self.batches.is_empty() || self.loan.reserve(self.bytes + more + others).is_ok() {
            self.bytes += more;
            self.batches.push_back(Rows::Memory(batch));
        } else {
            let spool = match &mut self.spool {
                Some(spool) => spool,
                none => none.insert(Spool::create(&self.context, &self.figures)?),
            };
            spool.push(&batch)?;
            self.batches.extend(spool.take().into_iter().map(Rows::Disk));
        }
        let held = self.bytes + others;
        match held <= self.loan.modest() {
            true => self.loan.insist(held),
            false => self.loan.reserve_last(held)?,
        }
        Ok(())
    }

    /// The first batch, with at most `most` rows.
    pub(super) fn pop(&mut self, most: usize) -> Result<Option<RecordBatch>> {
        let batch = match self.batches.pop_front() {
            Some(Rows::Memory(batch)) => {
                self.bytes = self.bytes.saturating_sub(get_record_batch_memory_size(&batch));
                batch
            }
            Some(Rows::Disk(segment)) => segment.read()?,
            None => return Ok(None),
        };
        if batch.num_rows() <= most {
            return Ok(Some(batch));
        }
        let rest = batch.slice(most, batch.num_rows() - most);
        self.bytes += get_record_batch_memory_size(&rest);
        self.batches.push_front(Rows::Memory(rest));
        Ok(Some(batch.slice(0, most)))
    }

    /// Gives back what is not held any more.
    pub(super) fn settle(&self, others: usize) {
        self.loan.shrink_to(self.bytes + others);
    }
}
