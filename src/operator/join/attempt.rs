//! The join in memory, and the change to disk when the budget refuses the build side.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;

use super::build_side::BuildSide;
use super::grace::GraceJoin;
use crate::operator::spill::Loan;

/// The probe side, lent to the join in memory: what it has not read can be taken back.
#[derive(Clone)]
pub(super) struct ProbeSide(Arc<Mutex<Option<SendableRecordBatchStream>>>);

impl ProbeSide {
    pub(super) fn new(rows: SendableRecordBatchStream) -> Self {
        Self(Arc::new(Mutex::new(Some(rows))))
    }

    /// Its rows; with the first that is asked for, the hash table is there and `loan` can be settled.
    pub(super) fn lend(&self, schema: SchemaRef, loan: &Arc<Loan>) -> SendableRecordBatchStream {
        Box::pin(LentProbe { rows: self.clone(), schema, loan: Some(Arc::clone(loan)) })
    }

    fn take(&self) -> Option<SendableRecordBatchStream> {
        self.0.lock().take()
    }
}

struct LentProbe {
    rows: ProbeSide,
    schema: SchemaRef,
    loan: Option<Arc<Loan>>,
}

impl Stream for LentProbe {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(loan) = self.loan.take() {
            loan.settle();
        }
        let mut rows = self.rows.0.lock();
        let Some(stream) = rows.as_mut() else { return Poll::Ready(None) };
        let next = ready!(stream.poll_next_unpin(cx));
        if next.is_none() {
            *rows = None;
        }
        Poll::Ready(next)
    }
}

impl RecordBatchStream for LentProbe {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Drop for LentProbe {
    /// A join that is done with its probe side lets go of all below it.
    fn drop(&mut self) {
        self.rows.take();
    }
}

/// The rows of one output partition.
pub(super) struct JoinStream {
    schema: SchemaRef,
    state: State,
}

enum State {
    /// The engine's join runs; it has not asked for a probe row before the build side is complete.
    Memory {
        rows: SendableRecordBatchStream,
        probe: ProbeSide,
        build: Arc<BuildSide>,
        grace: Box<GraceJoin>,
    },
    Disk(SendableRecordBatchStream),
    Ended,
}

impl JoinStream {
    /// `rows` of the engine's join with `probe`; should the budget refuse `build`, those of `grace` in their place.
    pub(super) fn new(
        rows: SendableRecordBatchStream,
        probe: ProbeSide,
        build: Arc<BuildSide>,
        grace: GraceJoin,
    ) -> Self {
        Self { schema: rows.schema(), state: State::Memory { rows, probe, build, grace: Box::new(grace) } }
    }
}

impl Stream for JoinStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::Memory { rows, build, .. } = &mut self.state {
            let next = ready!(rows.poll_next_unpin(cx));
            if !matches!(next, Some(Err(_))) || build.spill().is_none() {
                return Poll::Ready(next);
            }
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Memory { rows, probe, build, grace } => State::Disk(go_to_disk(rows, &probe, &build, *grace)?),
                other => other,
            };
        }
        match &mut self.state {
            State::Disk(rows) => rows.poll_next_unpin(cx),
            _ => Poll::Ready(None),
        }
    }
}

/// Ends the join in memory, which tells the other partitions not to wait for its dynamic filter, and starts over.
fn go_to_disk(
    rows: SendableRecordBatchStream,
    probe: &ProbeSide,
    build: &BuildSide,
    grace: GraceJoin,
) -> Result<SendableRecordBatchStream> {
    let unread = probe.take();
    drop(rows);
    match (unread, build.spill()) {
        (Some(unread), Some(spill)) => grace.start(spill, unread),
        _ => Err(crate::Error::internal("the probe side was read before the build side was complete").into()),
    }
}

impl RecordBatchStream for JoinStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
