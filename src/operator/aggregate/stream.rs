//! The way of rows through the aggregate: in memory while the budget grants it, through disk otherwise.

use std::mem;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};

use super::large_group;
use super::shape::{Rows, Shape, collects};
use super::table::Table;
use crate::memory::{row_bytes, rows_of_batch};
use crate::operator::spill::{DEEPEST, Loan, Partition, Partitioner, SpillFigures, compact, rows_of};

/// The state of a group is long from so many bytes on.
const LONG: usize = if cfg!(test) { 4 << 10 } else { 1 << 20 };

/// One output partition of the operator.
pub(super) struct Aggregation {
    pub(super) shape: Arc<Shape>,
    pub(super) loan: Arc<Loan>,
    pub(super) context: Arc<TaskContext>,
    pub(super) figures: SpillFigures,
    pub(super) baseline: BaselineMetrics,
}

/// What has become of the rows of one input.
enum Filled {
    Memory(Table),
    Disk(Vec<Partition>),
}

/// What is still to come out.
struct Rest {
    aggregation: Aggregation,
    /// Results, of which the first `sent` rows are out.
    results: RecordBatch,
    sent: usize,
    /// How many go out at once.
    at_once: usize,
    /// Partitions on disk with the times they were partitioned.
    partitions: Vec<(Partition, usize)>,
}

impl Aggregation {
    /// The rows that come out for those of `input`.
    pub(super) fn stream(self, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = Arc::clone(self.shape.output());
        let rows = futures::stream::once(self.start(input)).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }

    async fn start(self, input: SendableRecordBatchStream) -> Result<impl futures::Stream<Item = Result<RecordBatch>>> {
        let filled = self.fill(input, Rows::Input, 0, true).await?;
        let results = RecordBatch::new_empty(Arc::clone(self.shape.output()));
        let mut rest = Rest { aggregation: self, results, sent: 0, at_once: 0, partitions: Vec::new() };
        rest.take(filled, 0)?;
        Ok(futures::stream::try_unfold(rest, Rest::next))
    }

    /// Aggregates the rows of `input`. What was refused memory is on disk then, partitioned once more than `level` times.
    async fn fill(
        &self,
        mut input: SendableRecordBatchStream,
        rows: Rows,
        level: usize,
        can_split: bool,
    ) -> Result<Filled> {
        let side = self.shape.side(level);
        let mut table = Table::new(&self.shape)?;
        let mut disk: Option<Partitioner<'_>> = None;
        let mut seen = 0;
        let mut passes = false;
        let reserve = |bytes| if can_split { self.loan.reserve(bytes) } else { self.loan.reserve_last(bytes) };
        while let Some(batch) = input.next().await {
            let batch = batch?;
            if let (true, Some(disk)) = (passes, &mut disk) {
                disk.push(self.shape.as_states(&batch, rows)?).await?;
                continue;
            }
            seen += batch.num_rows();
            if !table.is_empty()
                && let Err(refusal) = reserve(table.bytes_with(batch.num_rows()))
            {
                if !can_split {
                    return Err(refusal);
                }
                passes = self.passes(&table, seen, rows);
                self.spill(&mut table, &side, &mut disk).await?;
            }
            {
                let _timer = self.baseline.elapsed_compute().timer();
                table.add(&batch, rows)?;
            }
            let refused = reserve(table.bytes()).err();
            if refused.is_some() || (can_split && self.has_long_lists(&table)) {
                if let (Some(refusal), false) = (refused, can_split) {
                    return Err(refusal);
                }
                passes = self.passes(&table, seen, rows);
                self.spill(&mut table, &side, &mut disk).await?;
            }
        }
        if disk.is_some() {
            self.spill(&mut table, &side, &mut disk).await?;
        }
        match disk {
            Some(disk) => Ok(Filled::Disk(disk.finish().await?.partitions)),
            None => Ok(Filled::Memory(table)),
        }
    }

    fn batch_size(&self) -> usize {
        self.context.session_config().batch_size()
    }

    /// How many rows of `results` go out at once: fewer of long ones than a batch has.
    fn rows_at_once(&self, results: &RecordBatch) -> usize {
        let collects = self.shape.functions().iter().any(|function| collects(function));
        let bytes = if collects { row_bytes(results) / results.num_rows().max(1) } else { 0 };
        rows_of_batch(self.batch_size(), bytes)
    }

    /// Whether the lists of a few groups are so long that they should go to disk while they can still be copied on the
    /// way there, and read back.
    fn has_long_lists(&self, table: &Table) -> bool {
        let bytes = if self.shape.keeps_values() { table.bytes() } else { 0 };
        bytes > self.loan.modest() && bytes / table.groups().max(1) > LONG
    }

    /// Whether rows go to disk as states of their own, from the first time on that memory is refused: where most are
    /// groups of their own, looking for groups among the later ones is work for nothing.
    fn passes(&self, table: &Table, seen: usize, rows: Rows) -> bool {
        self.shape.can_be_states(rows) && (self.shape.keeps_values() || table.groups() > seen / 2)
    }

    /// Writes the states of all groups; the table is empty then.
    async fn spill<'a>(
        &'a self,
        table: &mut Table,
        side: &'a crate::operator::spill::Side,
        disk: &mut Option<Partitioner<'a>>,
    ) -> Result<()> {
        if table.is_empty() {
            return Ok(());
        }
        let states = table.take_states()?;
        let disk = match disk {
            Some(disk) => disk,
            none => none.insert(Partitioner::new(side, self.loan.share(), &self.context, &self.figures)?),
        };
        disk.push_reserved(&states).await?;
        self.loan.shrink_to(0);
        Ok(())
    }
}

/// The same rows in buffers of their own.
fn copy(batch: &RecordBatch) -> Result<RecordBatch> {
    let all = UInt32Array::from_iter_values(0..batch.num_rows() as u32);
    compacted(&take_record_batch(batch, &all)?)
}

fn compacted(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| compact(ArrayRef::clone(column)));
    Ok(RecordBatch::try_new(batch.schema(), columns.collect::<Result<_>>()?)?)
}

impl Rest {
    fn take(&mut self, filled: Filled, level: usize) -> Result<()> {
        match filled {
            Filled::Memory(table) => self.hold(table.into_results()?)?,
            Filled::Disk(partitions) => {
                let partitions = partitions.into_iter().filter(|partition| partition.rows() > 0);
                self.partitions.extend(partitions.map(|partition| (partition, level + 1)));
            }
        }
        Ok(())
    }

    async fn aggregate(&mut self, partition: Partition, level: usize) -> Result<()> {
        let is_one_group = !partition.can_split();
        let bytes = partition.footprint().rows_bytes();
        if is_one_group && self.aggregation.shape.takes_quantile() && bytes > self.aggregation.loan.modest() {
            return self.large_group(partition).await;
        }
        let (schema, ahead) = (Arc::clone(self.aggregation.shape.state()), self.aggregation.loan.share());
        let states = rows_of(partition.segments.clone(), schema, ahead);
        let filled = self.aggregation.fill(states, Rows::States, level, !is_one_group && level < DEEPEST).await;
        match filled {
            Err(DataFusionError::ResourcesExhausted(_)) if is_one_group => self.large_group(partition).await,
            filled => self.take(filled?, level),
        }
    }

    async fn large_group(&mut self, group: Partition) -> Result<()> {
        self.aggregation.loan.shrink_to(0);
        let result = large_group::result(&self.aggregation, group.segments).await?;
        self.hold(result)
    }

    fn hold(&mut self, results: RecordBatch) -> Result<()> {
        self.at_once = self.aggregation.rows_at_once(&results);
        // Lists of texts point into the batches that they came with, thousands of them.
        let in_pieces = self.at_once < results.num_rows();
        self.results = if in_pieces && self.sends_copies() { compacted(&results)? } else { results };
        self.sent = 0;
        Ok(())
    }

    /// Whether long rows go out as copies: who gets a part of them would hold on to all.
    fn sends_copies(&self) -> bool {
        self.at_once < self.aggregation.batch_size()
    }

    /// The next rows of the results; all of them as they are, where they go out at once.
    fn send(&mut self) -> Result<RecordBatch> {
        let rows = self.at_once.min(self.results.num_rows() - self.sent);
        self.aggregation.baseline.record_output(rows);
        if rows == self.results.num_rows() {
            let none = RecordBatch::new_empty(self.results.schema());
            return Ok(mem::replace(&mut self.results, none));
        }
        let batch = self.results.slice(self.sent, rows);
        self.sent += rows;
        if self.sends_copies() { copy(&batch) } else { Ok(batch) }
    }

    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if self.sent < self.results.num_rows() {
                return Ok(Some((self.send()?, self)));
            }
            self.results = RecordBatch::new_empty(Arc::clone(self.aggregation.shape.output()));
            self.sent = 0;
            self.aggregation.loan.shrink_to(0);
            let Some((partition, level)) = self.partitions.pop() else { return Ok(None) };
            self.aggregate(partition, level).await?;
        }
    }
}
