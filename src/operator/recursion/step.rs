//! The rows of one step of a recursion.

use std::mem;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::operator::spill::{Loan, Segment, SpillFigures, Spool, rows_of};

/// Rows in the order they came: in memory as long as the budget grants it, on disk from then on.
pub(super) struct StepWriter {
    loan: Arc<Loan>,
    held: Vec<RecordBatch>,
    bytes: usize,
    rows: usize,
    spool: Option<Spool>,
}

impl StepWriter {
    pub(super) fn new(loan: Arc<Loan>) -> Self {
        Self { loan, held: Vec::new(), bytes: 0, rows: 0, spool: None }
    }

    pub(super) fn push(&mut self, batch: &RecordBatch, context: &TaskContext, figures: &SpillFigures) -> Result<()> {
        self.rows += batch.num_rows();
        if let Some(spool) = &mut self.spool {
            return spool.push(batch);
        }
        self.bytes += get_record_batch_memory_size(batch);
        self.held.push(batch.clone());
        if self.loan.reserve(self.bytes).is_err() {
            let spool = self.spool.insert(Spool::create(context, figures)?);
            self.held.drain(..).try_for_each(|batch| spool.push(&batch))?;
            self.bytes = 0;
            self.loan.shrink_to(0);
        }
        Ok(())
    }

    /// The rows so far, to be read; the next ones are those of another step.
    pub(super) fn take(&mut self) -> Step {
        let segments = self.spool.take().map(|mut spool| spool.take()).unwrap_or_default();
        let step = Step { held: mem::take(&mut self.held), segments, rows: self.rows, reservation: self.loan.take() };
        (self.bytes, self.rows) = (0, 0);
        step
    }
}

/// The rows of a step, to be read once.
pub(super) struct Step {
    held: Vec<RecordBatch>,
    segments: Vec<Segment>,
    pub(super) rows: usize,
    /// What is held is given back when the last row is read.
    reservation: MemoryReservation,
}

impl Step {
    pub(super) fn stream(self, schema: SchemaRef) -> SendableRecordBatchStream {
        let Self { held, segments, reservation, .. } = self;
        let on_disk = rows_of(segments, Arc::clone(&schema), reservation.new_empty());
        let held = futures::stream::iter(held).map(move |batch| {
            reservation.shrink(get_record_batch_memory_size(&batch).min(reservation.size()));
            Ok(batch)
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, held.chain(on_disk)))
    }
}
