//! Batches by pieces, where nobody knows how long rows become.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};

use super::pass::{Pass, PassExec};
use crate::memory::{Gather, row_bytes};

/// How many rows the first piece has.
const FIRST: usize = 64;

/// What is made of a piece should have about so many bytes.
const BYTES: usize = if cfg!(test) { 16 << 10 } else { 1 << 20 };

/// How many rows the next piece has. Clones are the same number.
#[derive(Debug, Clone)]
pub(crate) struct PieceRows(Arc<AtomicUsize>);

impl Default for PieceRows {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(FIRST)))
    }
}

impl PieceRows {
    /// As many as had room in [`BYTES`], by the rows made last, but at most twice as many as before: the next may be longer.
    fn learn(&self, made: &RecordBatch) {
        if made.num_rows() > 0 {
            let rows = BYTES / (row_bytes(made) / made.num_rows()).max(1);
            let before = self.0.load(Ordering::Relaxed);
            self.0.store(rows.clamp(1, before.saturating_mul(2)), Ordering::Relaxed);
        }
    }
}

/// Hands batches on a few rows at a time.
///
/// ```text
/// LearnPiecesExec                    one batch of them again, and how many rows the next piece has
///   ProjectionExec: replace(s, …)    evaluated for a few rows: of 8,192 it might make a gigabyte
///     PiecesExec                     ▒▒▒▒▒▒▒▒ ─► ▒▒ ▒▒ ▒▒ ▒▒
/// ```
pub(crate) type PiecesExec = PassExec<Pieces>;

/// Puts what was made of pieces together again, and says how many rows the next may have.
pub(crate) type LearnPiecesExec = PassExec<LearnPieces>;

/// See [`PiecesExec`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Pieces {
    /// Nobody tells another number: all pieces have as many rows.
    pub(crate) rows: PieceRows,
}

/// See [`LearnPiecesExec`].
#[derive(Debug, Clone)]
pub(crate) struct LearnPieces {
    /// Those of the [`PiecesExec`] below.
    pub(crate) rows: PieceRows,
}

impl Pass for Pieces {
    const NAME: &'static str = "PiecesExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let (schema, rows) = (input.schema(), self.rows.clone());
        let pieces = input.execute(partition, context)?.map_ok(move |batch| pieces(batch, rows.clone()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, pieces.try_flatten())))
    }
}

fn pieces(batch: RecordBatch, rows: PieceRows) -> impl futures::Stream<Item = Result<RecordBatch>> {
    let mut sent = 0;
    futures::stream::iter(std::iter::from_fn(move || {
        let piece = rows.0.load(Ordering::Relaxed).min(batch.num_rows() - sent);
        sent += piece;
        (piece > 0).then(|| Ok(batch.slice(sent - piece, piece)))
    }))
}

impl Pass for LearnPieces {
    const NAME: &'static str = "LearnPiecesExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let schema = input.schema();
        let making = Making {
            gather: Gather::new(Arc::clone(&schema), context.session_config().batch_size()),
            held: MemoryConsumer::new(Self::NAME).register(context.memory_pool()),
            rows: self.rows.clone(),
        };
        let ends = futures::stream::iter([None]);
        let made = input.execute(partition, context)?.map(Some).chain(ends).scan(making, |making, batch| {
            let batches = making.take(batch);
            futures::future::ready(Some(futures::stream::iter(batches)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, made.flatten())))
    }
}

/// Rows of several pieces, as one batch.
struct Making {
    gather: Gather,
    /// What is reserved for them.
    held: MemoryReservation,
    rows: PieceRows,
}

impl Making {
    /// The batches that are full with the next piece, or all that are left at the end.
    fn take(&mut self, piece: Option<Result<RecordBatch>>) -> VecDeque<Result<RecordBatch>> {
        match self.push(piece) {
            Ok(()) => std::iter::from_fn(|| self.gather.next()).map(Ok).collect(),
            Err(error) => VecDeque::from([Err(error)]),
        }
    }

    fn push(&mut self, piece: Option<Result<RecordBatch>>) -> Result<()> {
        match piece.transpose()? {
            Some(piece) => {
                self.rows.learn(&piece);
                self.gather.push(piece)?;
            }
            None => self.gather.finish()?,
        }
        if self.gather.in_making() > self.held.size() {
            self.held.resize(self.gather.in_making());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, StringArray};

    use super::*;

    fn batch(lengths: &[usize]) -> RecordBatch {
        let texts: ArrayRef = Arc::new(lengths.iter().map(|length| Some("x".repeat(*length))).collect::<StringArray>());
        RecordBatch::try_from_iter([("s", texts)]).unwrap()
    }

    /// `replace(l_comment, 'e', repeat('x', 10000))` made 2,048 rows at once, and took 207 MB of 128.
    #[test]
    fn the_next_piece_has_as_many_rows_as_have_room() {
        let rows = PieceRows::default();
        let next = |made: &RecordBatch| {
            rows.learn(made);
            rows.0.load(Ordering::Relaxed)
        };
        assert_eq!(next(&batch(&[0; 64])), 2 * FIRST, "no more than twice as many");
        assert_eq!(next(&batch(&[1_020; 64])), BYTES / 1024);
        assert_eq!(next(&batch(&[10 * BYTES])), 1);
        assert_eq!(next(&batch(&[])), 1);
        assert_eq!(next(&batch(&[10])), 2);
    }

    #[tokio::test]
    async fn pieces_are_all_of_a_batch_in_its_order() {
        let lengths: Vec<_> = (0..150).collect();
        let rows = PieceRows::default();
        let pieces: Vec<_> = pieces(batch(&lengths), rows.clone()).try_collect().await.unwrap();
        assert_eq!(pieces.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [64, 64, 22]);
        let together = datafusion::arrow::compute::concat_batches(&pieces[0].schema(), &pieces).unwrap();
        assert_eq!(together, batch(&lengths));
    }
}
