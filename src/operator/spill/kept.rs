//! Partitions that stay in memory while the rest of their side goes to disk.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::memory::get_record_batch_memory_size;

use super::footprint::Footprint;
use super::loan::Loan;

/// The first partitions of a build side, as many as memory is granted for: with one side's rows here, neither they nor
/// the rows of the other side that may meet them are ever written.
///
/// ```text
/// partition    0  1  2 │ 3  4  5 …            the last one kept leaves for disk when the budget refuses
///              kept    │ on disk
/// ```
///
/// The hybrid hash join of DeWitt et al., "Implementation Techniques for Main Memory Database Systems" (SIGMOD 1984),
/// with a number of kept partitions that follows the budget.
#[derive(Debug)]
pub(in crate::operator) struct Kept {
    loan: Arc<Loan>,
    partitions: Vec<Vec<RecordBatch>>,
    rows: usize,
    bytes: usize,
}

impl Kept {
    /// All of `count` partitions, for a start.
    pub(in crate::operator) fn new(loan: Arc<Loan>, count: usize) -> Self {
        Self { loan, partitions: vec![Vec::new(); count], rows: 0, bytes: 0 }
    }

    /// How many partitions are kept.
    pub(in crate::operator) fn count(&self) -> usize {
        self.partitions.len()
    }

    /// Adds a batch to a kept partition. Until [`Kept::leaving`] gives none it may be more than is granted.
    pub(super) fn add(&mut self, partition: usize, batch: RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += get_record_batch_memory_size(&batch);
        self.partitions[partition].push(batch);
    }

    /// The last kept partition and its batches, when the budget does not grant what joining with all of them takes.
    pub(super) fn leaving(&mut self) -> Option<(usize, Vec<RecordBatch>)> {
        if self.is_granted() {
            return None;
        }
        let batches = self.partitions.pop()?;
        self.rows -= batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        self.bytes -= batches.iter().map(get_record_batch_memory_size).sum::<usize>();
        self.loan.shrink_to(self.wanted());
        Some((self.partitions.len(), batches))
    }

    /// The operators above work beside what is kept, for as long as there are probe rows: it is never much.
    fn is_granted(&self) -> bool {
        self.wanted() <= 2 * self.loan.modest() && self.loan.reserve(self.wanted()).is_ok()
    }

    fn wanted(&self) -> usize {
        Footprint::of(self.rows, self.bytes).while_building()
    }

    /// All batches, and what is reserved for joining with them.
    pub(in crate::operator) fn into_batches(self) -> (Vec<RecordBatch>, Arc<Loan>) {
        (self.partitions.into_iter().flatten().collect(), self.loan)
    }
}
