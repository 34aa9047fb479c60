//! Partitions that are read apart from each other.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::runtime::JoinSet;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc::{Sender, channel};

use super::is_chain;

/// One stream for each partition of the plan, to be read in any order, at any pace, or not at all.
///
/// ```text
/// partition 0 ──► task ──► one batch ──► stream 0
/// partition 1 ──► task ──► one batch ──► stream 1      dropped: its task runs on, and its rows are thrown away
/// ```
///
/// The partitions of a plan wait for each other where it exchanges rows or shares a hash table: one that nobody reads
/// would hold up the others for ever. So each has a task that reads it to its end. Where each partition is a chain of
/// operators over its own part of a scan, there are no tasks. All end with the last stream.
pub(crate) fn drive(plan: &Arc<dyn ExecutionPlan>, task: &Arc<TaskContext>) -> Result<Vec<SendableRecordBatchStream>> {
    let count = plan.output_partitioning().partition_count();
    let partitions = (0..count).map(|number| plan.execute(number, Arc::clone(task))).collect::<Result<Vec<_>>>()?;
    if is_chain(plan) {
        return Ok(partitions);
    }
    let schema = plan.schema();
    let mut tasks = JoinSet::new();
    let mut receivers = Vec::with_capacity(count);
    for partition in partitions {
        let (sender, receiver) = channel(1);
        tasks.spawn(forward(partition, sender));
        receivers.push(receiver);
    }
    let tasks = Arc::new(tasks);
    let stream = |mut receiver: tokio::sync::mpsc::Receiver<Result<RecordBatch>>| {
        let tasks = Arc::clone(&tasks);
        let batches = futures::stream::poll_fn(move |context| {
            let _all = &tasks;
            receiver.poll_recv(context)
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), batches)) as SendableRecordBatchStream
    };
    Ok(receivers.into_iter().map(stream).collect())
}

async fn forward(mut partition: SendableRecordBatchStream, to: Sender<Result<RecordBatch>>) {
    while let Some(batch) = caught(&mut partition).await {
        let failed = batch.is_err();
        let unread = to.send(batch).await.is_err();
        // Others may wait for this partition, though nobody reads it. An error is told once, and ends it.
        if failed {
            break;
        }
        if unread {
            while partition.next().await.is_some_and(|batch| batch.is_ok()) {}
            break;
        }
    }
}

/// The next batch; a panic is an error of the partition that it happened in.
async fn caught(partition: &mut SendableRecordBatchStream) -> Option<Result<RecordBatch>> {
    let next = std::panic::AssertUnwindSafe(partition.next());
    match futures::FutureExt::catch_unwind(next).await {
        Ok(batch) => batch,
        Err(panic) => Some(Err(super::map::panicked("an operator", None, &*panic).into())),
    }
}

/// The streams of [`drive`], in the crate's own errors.
pub(crate) fn boxed(stream: SendableRecordBatchStream) -> BoxStream<'static, crate::Result<RecordBatch>> {
    stream.map(|batch| batch.map_err(Into::into)).boxed()
}
