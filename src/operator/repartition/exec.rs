//! The operator: in the place of the engine's repartition.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, MetricBuilder};
use datafusion::physical_plan::repartition::{BatchPartitioner, RepartitionExec};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use parking_lot::Mutex;
use tokio::task::coop::consume_budget;

use super::outputs::{Next, Outputs};
use super::producer::Producer;
use crate::error::Error;
use crate::operator::stand_in::{Execution, StandIn, Task};

/// Deals rows out to partitions; what waits there goes to disk where the budget refuses.
///
/// One that merges sorted inputs is the engine's.
pub(crate) struct Repartition {
    engine: Arc<RepartitionExec>,
    /// The outputs that are still to be executed; none before the first one is.
    readers: Mutex<Option<Vec<Option<Reader>>>>,
}

impl fmt::Debug for Repartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repartition").field(&self.engine).finish()
    }
}

impl StandIn for Repartition {
    type Engine = RepartitionExec;

    const NAME: &'static str = "SpillingRepartitionExec";
    const PREFIX: &'static str = "Spilling";

    fn of(engine: Arc<RepartitionExec>) -> Result<Option<Self>> {
        Ok((!engine.preserve_order()).then_some(Self { engine, readers: Mutex::default() }))
    }

    fn engine(&self) -> &Arc<RepartitionExec> {
        &self.engine
    }

    fn keeps_order(&self) -> bool {
        self.engine.input().output_partitioning().partition_count() <= 1
    }

    fn rows(&self, execution: Execution<'_>) -> Result<SendableRecordBatchStream> {
        let mut readers = self.readers.lock();
        let readers = match &mut *readers {
            Some(readers) => readers,
            none => none.insert(self.start(&execution)?),
        };
        let reader = readers.get_mut(execution.partition).and_then(Option::take);
        let reader = reader.ok_or_else(|| Error::internal("a partition of a repartition is executed twice"))?;
        let rows = futures::stream::try_unfold(reader, Reader::next);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.engine.schema(), rows)))
    }
}

impl Repartition {
    /// Executes all inputs; their rows are read when the first output is.
    fn start(&self, execution: &Execution<'_>) -> Result<Vec<Option<Reader>>> {
        let partitioning = self.engine.partitioning();
        let inputs = self.engine.input().output_partitioning().partition_count();
        let producer = |partition: usize| {
            let time = MetricBuilder::new(execution.metrics).subset_time("repartition_time", partition);
            let partitioner = BatchPartitioner::try_new(partitioning.clone(), time, partition, inputs)?;
            Ok(Producer { input: execution.input(partition)?, partitioner })
        };
        let producers = (0..inputs).map(producer).collect::<Result<Vec<_>>>()?;
        let tasks: Vec<_> = (0..partitioning.partition_count()).map(|output| execution.task(output)).collect();
        let outputs = Arc::new(Outputs::new(&self.engine.schema(), inputs, &tasks));
        let producers = Arc::new(Mutex::new(Producers::Waiting(producers)));
        let reader = |(index, task): (usize, Task)| {
            let (outputs, producers) = (Arc::clone(&outputs), Arc::clone(&producers));
            Some(Reader { index, outputs, producers, baseline: task.baseline })
        };
        Ok(tasks.into_iter().enumerate().map(reader).collect())
    }
}

/// The tasks that read the inputs; they end when the last reader lets go of this.
enum Producers {
    Waiting(Vec<Producer>),
    Running(#[expect(dead_code, reason = "kept for its drop")] Vec<SpawnedTask<()>>),
}

impl Producers {
    fn run(&mut self, outputs: &Arc<Outputs>) {
        if let Self::Waiting(producers) = self {
            let producers = std::mem::take(producers).into_iter();
            *self = Self::Running(producers.map(|producer| producer.spawn(Arc::clone(outputs))).collect());
        }
    }
}

/// One output.
struct Reader {
    index: usize,
    outputs: Arc<Outputs>,
    producers: Arc<Mutex<Producers>>,
    baseline: BaselineMetrics,
}

impl Reader {
    async fn next(self) -> Result<Option<(RecordBatch, Self)>> {
        self.producers.lock().run(&self.outputs);
        // Of a queue that is never empty, batch would follow batch, and a query that was ended would not notice.
        consume_budget().await;
        loop {
            match self.outputs.pop(self.index)? {
                Next::Batch(waiting) => {
                    let batch = waiting.read()?;
                    self.baseline.record_output(batch.num_rows());
                    return Ok(Some((batch, self)));
                }
                Next::NotYet => self.outputs.wait_for_rows(self.index).await,
                Next::End => return Ok(None),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.outputs.leave(self.index);
    }
}
