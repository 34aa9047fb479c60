//! Sorted runs into one.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::sorts::streaming_merge::StreamingMergeBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use super::chunk::SortedChunk;
use super::sorter::Sort;
use crate::operator::spill::{Loan, Segment, Spool, batches_of};

/// How many batches of each run a merge holds: the one it reads, the one before, of which rows wait for the next batch
/// that comes out, the keys of both, and the one that is read ahead.
const HELD: usize = 5;

/// What a merge of two runs takes without asking, in bytes: the batches of runs have half a megabyte each.
const LEAST: usize = if cfg!(test) { 512 << 10 } else { 4 << 20 };

/// Runs on disk that are to become one.
pub(super) struct Merge<'a> {
    pub(super) sort: &'a Sort,
    pub(super) schema: &'a SchemaRef,
    pub(super) loan: &'a Arc<Loan>,
}

impl Merge<'_> {
    /// The rows of `chunks` and `runs` in order. Runs that are too many to be read at once are merged to fewer before.
    pub(super) async fn all(
        &self,
        chunks: Vec<SortedChunk>,
        mut runs: Vec<Vec<Segment>>,
    ) -> Result<SendableRecordBatchStream> {
        while !self.can_hold(&chunks, &runs)? {
            runs.sort_by_key(|run| std::cmp::Reverse(run.iter().map(|segment| segment.rows).sum::<usize>()));
            let width = self.width(&runs)?;
            let shortest = runs.split_off(runs.len() - width);
            runs.push(self.to_disk(shortest).await?);
            self.sort.figures.blocks.add(width);
        }
        let rows = self.batch_rows(&chunks, &runs);
        let chunks = chunks.into_iter().map(|chunk| self.rows_of_chunk(chunk));
        let runs = runs.into_iter().map(|run| batches_of(run, Arc::clone(self.schema), None));
        self.merge(chunks.chain(runs).collect(), rows)
    }

    /// How many of their rows make a batch.
    fn batch_rows(&self, chunks: &[SortedChunk], runs: &[Vec<Segment>]) -> usize {
        let chunks = chunks.iter().map(|chunk| (chunk.rows(), chunk.bytes()));
        let all = chunks.chain(runs.iter().flatten().map(|segment| (segment.rows, segment.bytes)));
        let (rows, bytes) = all.fold((0, 0), |(rows, bytes), (more, of_more)| (rows + more, bytes + of_more));
        self.sort.batch_rows(rows, bytes)
    }

    fn can_hold(&self, chunks: &[SortedChunk], runs: &[Vec<Segment>]) -> Result<bool> {
        let held = chunks.iter().map(SortedChunk::bytes).sum::<usize>();
        let wanted = held + held_of(runs);
        match runs.len() {
            0 | 1 => self.loan.insist(wanted),
            2 => self.reserve_for_two(wanted)?,
            _ => return Ok(self.loan.reserve(wanted).is_ok()),
        }
        Ok(true)
    }

    /// Less than two runs cannot be merged: refused are only those with rows of megabytes.
    fn reserve_for_two(&self, wanted: usize) -> Result<()> {
        if wanted > LEAST {
            return self.loan.reserve_last(wanted);
        }
        self.loan.insist(wanted);
        Ok(())
    }

    /// How many of the last of `runs` can be merged at once.
    fn width(&self, runs: &[Vec<Segment>]) -> Result<usize> {
        let mut width = runs.len() / 2;
        while width > 2 && self.loan.reserve(held_of(&runs[runs.len() - width..])).is_err() {
            width /= 2;
        }
        let width = width.max(2);
        if width == 2 {
            self.reserve_for_two(held_of(&runs[runs.len() - width..]))?;
        }
        Ok(width)
    }

    async fn to_disk(&self, runs: Vec<Vec<Segment>>) -> Result<Vec<Segment>> {
        let at_once = self.batch_rows(&[], &runs);
        let runs = runs.into_iter().map(|run| batches_of(run, Arc::clone(self.schema), None));
        let mut rows = self.merge(runs.collect(), at_once)?;
        let mut spool = Spool::create(&self.sort.context, &self.sort.figures)?;
        while let Some(batch) = rows.next().await {
            spool.push(&batch?)?;
        }
        drop(rows);
        self.loan.shrink_to(0);
        Ok(spool.take())
    }

    fn merge(
        &self,
        mut streams: Vec<SendableRecordBatchStream>,
        batch_rows: usize,
    ) -> Result<SendableRecordBatchStream> {
        if streams.len() == 1
            && let Some(only) = streams.pop()
        {
            return Ok(only);
        }
        let task = self.loan.task(&self.sort.context);
        let reservation = MemoryConsumer::new("merge").register(task.memory_pool());
        StreamingMergeBuilder::new()
            .with_streams(streams)
            .with_schema(Arc::clone(self.schema))
            .with_expressions(&self.sort.ordering)
            .with_metrics(BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0))
            .with_batch_size(batch_rows)
            .with_reservation(reservation)
            .build()
    }

    /// The rows of a chunk, which stays reserved until the last of them has been taken.
    fn rows_of_chunk(&self, chunk: SortedChunk) -> SendableRecordBatchStream {
        let (most, schema) = (self.sort.batch_rows(chunk.rows(), chunk.bytes()), Arc::clone(self.schema));
        let state = (chunk, Arc::clone(self.loan));
        let next = move |(mut chunk, loan): (SortedChunk, Arc<Loan>)| {
            let batch: Option<Result<RecordBatch>> = chunk.next_batch(&schema, most).transpose();
            futures::future::ready(batch.map(|batch| (batch, (chunk, loan))))
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(self.schema), futures::stream::unfold(state, next)))
    }
}

/// What reading these runs at once takes, in bytes.
fn held_of(runs: &[Vec<Segment>]) -> usize {
    let largest = |run: &Vec<Segment>| run.iter().map(|segment| segment.bytes).max().unwrap_or(0);
    runs.iter().map(|run| HELD * largest(run)).sum()
}
