//! A plan that does not start before somebody asks for its rows, and before it is its turn.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};

use super::pass::{Pass, PassExec};
use super::turns::{Taken, Turn};

/// Executes its input when the first row is asked for, after those before it have ended.
pub(crate) type LazyExec = PassExec<Lazy>;

/// Operators that start tasks do so when they are executed. A join executes both of its sides at once, though it reads
/// nothing of one before it has all of the other, and a union all of its inputs: aggregates and sorts in them would
/// share the budget.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lazy {
    turn: Option<Turn>,
}

impl Lazy {
    /// Waits for its turn, too.
    pub(crate) fn in_turn(turn: Turn) -> Self {
        Self { turn: Some(turn) }
    }
}

impl Pass for Lazy {
    const NAME: &'static str = "LazyExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let wait = self.turn.clone().map(|turn| async move { turn.wait().await }.boxed());
        let taken = self.turn.as_ref().map(Turn::take);
        let input = Arc::clone(input);
        Ok(Box::pin(LazyStream { input, partition, context, wait, rows: None, _taken: taken }))
    }
}

struct LazyStream {
    input: Arc<dyn ExecutionPlan>,
    partition: usize,
    context: Arc<TaskContext>,
    wait: Option<BoxFuture<'static, ()>>,
    rows: Option<SendableRecordBatchStream>,
    /// Given back after all else.
    _taken: Option<Taken>,
}

impl Stream for LazyStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.poll_unpin(cx));
            self.wait = None;
        }
        let rows = match self.rows.take() {
            Some(rows) => rows,
            None => self.input.execute(self.partition, Arc::clone(&self.context))?,
        };
        self.rows.insert(rows).poll_next_unpin(cx)
    }
}

impl RecordBatchStream for LazyStream {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}

impl Drop for LazyStream {
    /// A repartition below keeps the rows of each partition until it is told that nobody wants them: by a stream that
    /// is dropped. Without a runtime nothing runs any more, and nothing could be started.
    fn drop(&mut self) {
        if self.rows.is_none() && tokio::runtime::Handle::try_current().is_ok() {
            drop(self.input.execute(self.partition, Arc::clone(&self.context)));
        }
    }
}
