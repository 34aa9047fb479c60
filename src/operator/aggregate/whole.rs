//! Values of all rows, without groups, that need to see every value: quantiles.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::filter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Accumulator;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use futures::StreamExt;
use tokio::sync::mpsc::Sender;

use super::large_group;
use super::shape::{Rows, Shape};
use super::stream::Aggregation;
use crate::operator::spill::Spool;

/// The rows that come out for those of `input`: one, or for a partial aggregate a state as often as it has grown.
pub(super) fn stream(
    aggregation: Aggregation,
    input: SendableRecordBatchStream,
    is_partial: bool,
) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStream::builder(Arc::clone(aggregation.shape.output()), 2);
    let output = builder.tx();
    builder.spawn(async move {
        match is_partial {
            true => states(&aggregation, input, &mut Sink::Output(output)).await,
            false => {
                let mut held = Sink::Held(Vec::new(), 0);
                states(&aggregation, input, &mut held).await?;
                let result = held.result(&aggregation).await?;
                aggregation.baseline.record_output(1);
                // When nobody listens any more the task is about to be ended.
                let _ = output.send(Ok(result)).await;
                Ok(())
            }
        }
    });
    builder.build()
}

/// Where states go.
enum Sink {
    Output(Sender<Result<RecordBatch>>),
    Held(Vec<RecordBatch>, usize),
    Disk(Spool),
}

/// Sends the states of all rows of `input` to `sink`, which may be states already.
async fn states(aggregation: &Aggregation, mut input: SendableRecordBatchStream, sink: &mut Sink) -> Result<()> {
    let shape = &aggregation.shape;
    if shape.has_states(Rows::Input) {
        while let Some(batch) = input.next().await.transpose()? {
            sink.push(shape.as_states(&batch, Rows::Input)?, aggregation).await?;
        }
        return Ok(());
    }
    let mut accumulators = shape.row_accumulators()?;
    while let Some(batch) = input.next().await.transpose()? {
        let _timer = aggregation.baseline.elapsed_compute().timer();
        update(&mut accumulators, shape, &batch)?;
        let bytes = accumulators.iter().map(|accumulator| accumulator.size()).sum::<usize>();
        if bytes > sink.piece(aggregation) {
            sink.push(state(&mut accumulators, shape)?, aggregation).await?;
            accumulators = shape.row_accumulators()?;
        }
    }
    sink.push(state(&mut accumulators, shape)?, aggregation).await
}

fn update(accumulators: &mut [Box<dyn Accumulator>], shape: &Shape, batch: &RecordBatch) -> Result<()> {
    for (accumulator, (values, wanted)) in accumulators.iter_mut().zip(shape.evaluate(batch, Rows::Input)?.arguments) {
        let values = match wanted {
            Some(wanted) => values.iter().map(|values| Ok(filter(values, &wanted)?)).collect::<Result<Vec<_>>>()?,
            None => values,
        };
        accumulator.update_batch(&values)?;
    }
    Ok(())
}

fn state(accumulators: &mut [Box<dyn Accumulator>], shape: &Shape) -> Result<RecordBatch> {
    let mut columns: Vec<ArrayRef> = Vec::new();
    for accumulator in accumulators {
        for value in accumulator.state()? {
            columns.push(value.to_array()?);
        }
    }
    Ok(RecordBatch::try_new(Arc::clone(shape.state()), columns)?)
}

/// States on the way to another operator are reserved by nobody, and there are several of them, each a few times: as
/// values, as a list of them, and as the batch that waits for its turn.
const PIECE: usize = 2 << 20;

impl Sink {
    /// How many bytes of values make a state.
    fn piece(&self, aggregation: &Aggregation) -> usize {
        match self {
            Sink::Output(_) => PIECE.min(aggregation.loan.modest() / 4),
            Sink::Held(..) | Sink::Disk(_) => aggregation.loan.modest(),
        }
    }

    async fn push(&mut self, states: RecordBatch, aggregation: &Aggregation) -> Result<()> {
        match self {
            Sink::Output(output) => {
                aggregation.baseline.record_output(states.num_rows());
                let _ = output.send(Ok(states)).await;
            }
            Sink::Disk(spool) => spool.push(&states)?,
            Sink::Held(held, bytes) => {
                *bytes += get_record_batch_memory_size(&states);
                held.push(states);
                // Once more for the accumulator that they are merged into, and for its growing.
                if aggregation.loan.reserve(4 * *bytes).is_err() {
                    let mut spool = Spool::create(&aggregation.context, &aggregation.figures)?;
                    held.drain(..).try_for_each(|states| spool.push(&states))?;
                    aggregation.loan.shrink_to(0);
                    *self = Sink::Disk(spool);
                }
            }
        }
        Ok(())
    }

    async fn result(self, aggregation: &Aggregation) -> Result<RecordBatch> {
        let shape = &aggregation.shape;
        let held = match self {
            Sink::Disk(mut spool) => return large_group::result(aggregation, spool.take()).await,
            Sink::Held(held, _) => held,
            Sink::Output(_) => Vec::new(),
        };
        let mut accumulators = shape.row_accumulators()?;
        for states in held {
            for (accumulator, (states, _)) in
                accumulators.iter_mut().zip(shape.evaluate(&states, Rows::States)?.arguments)
            {
                accumulator.merge_batch(&states)?;
            }
        }
        let values = accumulators.iter_mut().map(|accumulator| accumulator.evaluate()?.to_array());
        Ok(RecordBatch::try_new(Arc::clone(shape.output()), values.collect::<Result<_>>()?)?)
    }
}
