//! What lies between the inputs of a repartition and its outputs.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::memory::Gather;
use crate::operator::spill::{Queue, Waiting};
use crate::operator::stand_in::Task;

/// The rows on their way to all outputs.
pub(super) struct Outputs {
    outputs: Vec<Mutex<Output>>,
    /// Told for each output when rows have come, or the end.
    arrived: Vec<Notify>,
    /// Told when an output has become empty, or is not read any more.
    room: Notify,
}

struct Output {
    /// Makes batches of full size out of the pieces that come.
    gather: Gather,
    /// The bytes that are reserved for what is gathered.
    gathered: usize,
    queue: Queue,
    /// Inputs that have not ended.
    inputs: usize,
    is_read: bool,
    error: Option<Arc<DataFusionError>>,
}

impl Output {
    /// Adds rows; whether a batch has become full.
    fn push(&mut self, rows: RecordBatch) -> Result<bool> {
        self.gather.push(rows)?;
        let any = self.hand_on()?;
        if self.gather.in_making() > self.gathered {
            self.settle();
        }
        Ok(any)
    }

    /// No more rows come.
    fn finish(&mut self) -> Result<()> {
        self.gather.finish()?;
        self.hand_on().map(|_| ())
    }

    /// Hands on the batches that are full; whether there are any.
    fn hand_on(&mut self) -> Result<bool> {
        let mut any = false;
        while let Some(batch) = self.gather.next() {
            self.queue.push(batch, self.gather.in_making())?;
            any = true;
        }
        Ok(any)
    }

    fn settle(&mut self) {
        self.gathered = if self.inputs > 0 { self.gather.in_making() } else { 0 };
        self.queue.settle(self.gathered);
    }
}

/// What an output has to read.
pub(super) enum Next {
    Batch(Waiting),
    NotYet,
    End,
}

#[derive(PartialEq)]
enum Room {
    Some,
    None,
    /// Nobody reads any output.
    Unwanted,
}

impl Outputs {
    /// One for each of `tasks`, for rows of so many inputs.
    pub(super) fn new(schema: &SchemaRef, inputs: usize, tasks: &[Task]) -> Self {
        let output = |task: &Task| {
            let size = task.context.session_config().batch_size();
            let queue = Queue::new(task.loan(), Arc::clone(&task.context), task.figures.clone());
            let gather = Gather::new(Arc::clone(schema), size);
            Mutex::new(Output { gather, gathered: 0, queue, inputs, is_read: true, error: None })
        };
        let arrived = tasks.iter().map(|_| Notify::new()).collect();
        Self { outputs: tasks.iter().map(output).collect(), arrived, room: Notify::new() }
    }

    /// Waits until more rows may come; whether anybody wants them.
    pub(super) async fn wait_for_room(&self) -> bool {
        loop {
            // Made before the look, so that what changes after it is not missed.
            let changed = self.room.notified();
            match self.room() {
                Room::Some => return true,
                Room::Unwanted => return false,
                Room::None => changed.await,
            }
        }
    }

    fn room(&self) -> Room {
        let mut room = Room::Unwanted;
        for output in &self.outputs {
            let output = output.lock();
            match output.is_read && output.error.is_none() {
                true if output.queue.is_empty() => return Room::Some,
                true => room = Room::None,
                false => {}
            }
        }
        room
    }

    /// Adds rows to an output.
    pub(super) fn push(&self, index: usize, rows: RecordBatch) -> Result<()> {
        let mut output = self.outputs[index].lock();
        // What came behind an error would wait for as long as the plan lives.
        if output.is_read && output.error.is_none() && output.push(rows)? {
            self.arrived[index].notify_one();
        }
        Ok(())
    }

    /// Says that one of the inputs has no more rows.
    pub(super) fn end_input(&self) -> Result<()> {
        for (index, output) in self.outputs.iter().enumerate() {
            let mut output = output.lock();
            output.inputs -= 1;
            if output.inputs == 0 && output.is_read {
                output.finish()?;
                self.arrived[index].notify_one();
            }
        }
        Ok(())
    }

    /// Ends all outputs with an error.
    pub(super) fn fail(&self, error: DataFusionError) {
        let error = Arc::new(error);
        for (output, arrived) in self.outputs.iter().zip(&self.arrived) {
            let mut output = output.lock();
            output.queue.clear();
            output.error.get_or_insert(Arc::clone(&error));
            arrived.notify_one();
        }
        self.room.notify_waiters();
    }

    /// What an output has to read now.
    pub(super) fn pop(&self, index: usize) -> Result<Next> {
        let mut output = self.outputs[index].lock();
        if let Some(error) = &output.error {
            return Err(DataFusionError::from(error));
        }
        let Some(batch) = output.queue.pop() else {
            return Ok(if output.inputs == 0 { Next::End } else { Next::NotYet });
        };
        output.settle();
        if output.queue.is_empty() {
            self.room.notify_waiters();
        }
        Ok(Next::Batch(batch))
    }

    /// Waits until there may be something else to read.
    pub(super) async fn wait_for_rows(&self, index: usize) {
        self.arrived[index].notified().await;
    }

    /// Says that nobody reads an output any more.
    pub(super) fn leave(&self, index: usize) {
        let mut output = self.outputs[index].lock();
        output.is_read = false;
        output.queue.clear();
        drop(output);
        self.room.notify_waiters();
    }
}
