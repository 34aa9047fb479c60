//! The tasks that read the inputs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::repartition::BatchPartitioner;
use futures::{FutureExt, StreamExt};
use tokio::task::coop::consume_budget;

use super::outputs::Outputs;
use crate::operator::partition::panicked;

/// One input that has not been read yet, and how its rows find their output.
pub(super) struct Producer {
    pub(super) input: SendableRecordBatchStream,
    pub(super) partitioner: BatchPartitioner,
}

impl Producer {
    /// Reads the input to its end, in a task that ends when it is dropped.
    pub(super) fn spawn(self, outputs: Arc<Outputs>) -> SpawnedTask<()> {
        SpawnedTask::spawn(async move {
            let ended = AssertUnwindSafe(self.run(&outputs)).catch_unwind().await;
            let ended = ended.unwrap_or_else(|panic| Err(panicked("an operator", None, &*panic).into()));
            if let Err(error) = ended {
                outputs.fail(error);
            }
        })
    }

    async fn run(mut self, outputs: &Outputs) -> Result<()> {
        while outputs.wait_for_room().await {
            let Some(batch) = self.input.next().await.transpose()? else { break };
            if batch.num_rows() == 0 {
                continue;
            }
            for part in self.partitioner.partition_iter(batch)? {
                let (output, rows) = part?;
                outputs.push(output, rows)?;
            }
            consume_budget().await;
        }
        outputs.end_input()
    }
}
