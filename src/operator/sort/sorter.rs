//! A sort, from the first row to the last.

use std::mem;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, RecordOutput};
use datafusion::physical_plan::stream::{EmptyRecordBatchStream, RecordBatchStreamAdapter};
use futures::{StreamExt, TryStreamExt};
use tokio::task::coop::consume_budget;

use super::chunk::{Chunk, Keys, SortedChunk};
use super::merge::Merge;
use crate::memory::rows_of_batch;
use crate::operator::spill::{Loan, Segment, SpillFigures, Spool};
use crate::operator::stand_in::Task;

/// So many bytes are sorted at once: more would leave the cache more often than a merge does.
const CHUNK: usize = if cfg!(test) { 16 << 10 } else { 64 << 20 };

/// What to sort by, and where.
pub(in crate::operator) struct Sort {
    /// What the budget knows it as.
    name: String,
    pub(super) ordering: LexOrdering,
    pub(super) context: Arc<TaskContext>,
    pub(super) figures: SpillFigures,
    baseline: BaselineMetrics,
}

impl Sort {
    /// The sort that is an operator, of one partition.
    pub(in crate::operator) fn new(task: Task, ordering: LexOrdering) -> Self {
        let Task { name, context, figures, baseline } = task;
        Self { name, ordering, context, figures, baseline }
    }

    /// A sort inside another operator, whose figures it adds to.
    pub(in crate::operator) fn inside(
        name: &str,
        ordering: LexOrdering,
        context: Arc<TaskContext>,
        figures: SpillFigures,
    ) -> Self {
        let baseline = BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        Self { name: name.to_string(), ordering, context, figures, baseline }
    }

    /// The rows of `input` in order.
    pub(in crate::operator) fn stream(self, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = input.schema();
        let baseline = self.baseline.clone();
        let rows = futures::stream::once(self.sort(input)).try_flatten();
        let rows = rows.map_ok(move |batch| batch.record_output(&baseline));
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }

    async fn sort(self, mut input: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let mut sorter = Sorter::new(&self, input.schema())?;
        while let Some(batch) = input.next().await {
            sorter.push(batch?).await?;
        }
        // What is below lets go of its memory before the merge asks for some.
        drop(input);
        sorter.finish().await
    }

    /// How many of `rows` rows, which have so many bytes together, make a batch.
    pub(super) fn batch_rows(&self, rows: usize, bytes: usize) -> usize {
        rows_of_batch(self.context.session_config().batch_size(), bytes / rows.max(1))
    }
}

struct Sorter<'a> {
    sort: &'a Sort,
    schema: SchemaRef,
    keys: Keys,
    loan: Arc<Loan>,
    chunk: Chunk,
    sorted: Vec<SortedChunk>,
    runs: Vec<Vec<Segment>>,
}

impl<'a> Sorter<'a> {
    fn new(sort: &'a Sort, schema: SchemaRef) -> Result<Self> {
        let keys = Keys::new(&sort.ordering, &schema)?;
        let loan = Loan::new(&sort.name, &sort.context, sort.figures.peak.clone());
        Ok(Self { sort, schema, keys, loan, chunk: Chunk::default(), sorted: Vec::new(), runs: Vec::new() })
    }

    async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let timer = self.sort.baseline.elapsed_compute().timer();
        let keys = self.keys.of(&batch)?;
        self.chunk.push(batch, keys);
        if self.loan.reserve(self.bytes()).is_err() {
            drop(timer);
            return self.spill().await;
        }
        if self.chunk.bytes() > CHUNK {
            self.close();
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.chunk.bytes() + self.sorted.iter().map(SortedChunk::bytes).sum::<usize>()
    }

    /// Sorts what was gathered.
    fn close(&mut self) {
        if !self.chunk.is_empty() {
            self.sorted.push(mem::take(&mut self.chunk).sort());
            self.loan.shrink_to(self.bytes());
        }
    }

    /// Writes all there is to disk, each chunk as a run; the query can be ended between any two batches.
    async fn spill(&mut self) -> Result<()> {
        self.close();
        for mut chunk in mem::take(&mut self.sorted) {
            let mut spool = Spool::create(&self.sort.context, &self.sort.figures)?;
            let most = self.sort.batch_rows(chunk.rows(), chunk.bytes());
            while let Some(batch) = chunk.next_batch(&self.schema, most)? {
                spool.push(&batch)?;
                consume_budget().await;
            }
            self.runs.push(spool.take());
        }
        self.loan.shrink_to(0);
        Ok(())
    }

    async fn finish(mut self) -> Result<SendableRecordBatchStream> {
        self.close();
        if !self.runs.is_empty() {
            // What a merge of runs can hold is then known of all that there is.
            self.spill().await?;
        }
        if self.sorted.is_empty() && self.runs.is_empty() {
            return Ok(Box::pin(EmptyRecordBatchStream::new(self.schema)));
        }
        let merge = Merge { sort: self.sort, schema: &self.schema, loan: &self.loan };
        merge.all(self.sorted, self.runs).await
    }
}
