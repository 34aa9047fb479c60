//! The way of rows through the windows: whole partitions at a time, a few thousand rows of them.

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::{SortColumn, concat, concat_batches};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::evaluate_partition_ranges;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use futures::StreamExt;

use super::backward::Backward;
use super::evaluated::{Column, Evaluated};
use super::large::LargePartition;
use super::running::Running;
use super::whole::{is_long_and_whole, value_of_all};
use crate::operator::spill::{Loan, SpillFigures};

/// Each of so many rows may have its own copy of a value as long as all of them.
const FEW: usize = 8;

/// What one output partition of the operator needs, before there is any row.
#[derive(Clone)]
pub(super) struct Windows {
    pub(super) backward: Backward,
    pub(super) window: Arc<WindowAggExec>,
    pub(super) loan: Arc<Loan>,
    pub(super) context: Arc<TaskContext>,
    pub(super) figures: SpillFigures,
    pub(super) baseline: BaselineMetrics,
}

impl Windows {
    /// The rows of `input` with the values of all window functions.
    pub(super) fn stream(self, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = self.window.schema();
        let walk = Walk { windows: self, input: Some(input), held: Held::default(), ready: None, large: None };
        Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::try_unfold(walk, Walk::next)))
    }

    pub(super) fn schema(&self) -> SchemaRef {
        self.window.schema()
    }

    /// The columns that rows of one partition have in common.
    pub(super) fn keys(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let keys = self.window.window_expr().first().map(|first| first.partition_by().to_vec()).unwrap_or_default();
        keys.iter().map(|key| key.evaluate(batch)?.into_array(batch.num_rows())).collect()
    }

    /// The rows of each partition in `batch`.
    fn ranges(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<Range<usize>>> {
        let keys = keys.iter().map(|values| SortColumn { values: Arc::clone(values), options: None });
        evaluate_partition_ranges(rows, &keys.collect::<Vec<_>>())
    }

    /// The rows of whole partitions with the values of all functions.
    async fn evaluate(&self, batch: &RecordBatch) -> Result<Evaluated> {
        let backward = self.backward.columns(self, batch).await?;
        let _timer = self.baseline.elapsed_compute().timer();
        let ranges = self.ranges(&self.keys(batch)?, batch.num_rows())?;
        let partitions: Vec<_> = ranges.into_iter().map(|range| batch.slice(range.start, range.len())).collect();
        let mut columns: Vec<_> = batch.columns().iter().cloned().map(Column::Rows).collect();
        for (place, function) in self.window.window_expr().iter().enumerate() {
            columns.push(match self.backward.column(place, &backward) {
                Some(values) => Column::Rows(values),
                None => self.column(function, &partitions)?,
            });
        }
        let rows: Vec<_> = partitions.iter().map(RecordBatch::num_rows).collect();
        let batch_size = self.context.session_config().batch_size();
        Ok(Evaluated::new(self.schema(), columns, &rows, batch_size))
    }

    /// The rows of `rows` with the values of functions that are found while they are read.
    pub(super) fn running(
        &self,
        loan: Arc<Loan>,
        functions: Vec<Arc<dyn WindowExpr>>,
        backward: bool,
        rows: SendableRecordBatchStream,
    ) -> Result<SendableRecordBatchStream> {
        if functions.is_empty() {
            return Ok(rows);
        }
        let input = rows.schema();
        let found = functions.iter().map(|function| function.field()).collect::<Result<Vec<_>>>()?;
        let schema = Arc::new(Schema::new(input.fields().iter().cloned().chain(found).collect::<Vec<_>>()));
        let baseline = BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0);
        let (context, figures) = (Arc::clone(&self.context), self.figures.clone());
        Running { functions, backward, schema, loan, context, figures, baseline }.stream(rows)
    }

    /// The values of one function for the rows of several partitions.
    fn column(&self, function: &Arc<dyn WindowExpr>, partitions: &[RecordBatch]) -> Result<Column> {
        let is_few = partitions.iter().all(|partition| partition.num_rows() <= FEW);
        if is_few || !is_long_and_whole(function.as_ref()) {
            let values = partitions.iter().map(|partition| function.evaluate(partition)).collect::<Result<Vec<_>>>()?;
            return Ok(Column::Rows(concat(&values.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?));
        }
        let values = partitions.iter().map(|partition| value_of_all(function.as_ref(), partition));
        Ok(Column::Partitions(ScalarValue::iter_to_array(values.collect::<Result<Vec<_>>>()?)?))
    }
}

/// Rows of which not all of the last partition are there.
#[derive(Default)]
struct Held {
    batches: VecDeque<RecordBatch>,
    rows: usize,
    bytes: usize,
    /// How many of the rows belong to partitions that are complete.
    complete: usize,
    /// The partition of the last row.
    last: Vec<ScalarValue>,
}

impl Held {
    fn push(&mut self, batch: RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += get_record_batch_memory_size(&batch);
        self.batches.push_back(batch);
    }

    /// The first `rows` rows, which are held no longer.
    fn take(&mut self, rows: usize) -> Vec<RecordBatch> {
        let mut taken = Vec::new();
        let mut left = rows;
        while left > 0
            && let Some(batch) = self.batches.pop_front()
        {
            if batch.num_rows() > left {
                self.batches.push_front(batch.slice(left, batch.num_rows() - left));
            }
            let part = batch.slice(0, left.min(batch.num_rows()));
            left -= part.num_rows();
            taken.push(part);
        }
        self.rows -= rows - left;
        self.complete = self.complete.saturating_sub(rows);
        self.bytes = self.batches.iter().map(get_record_batch_memory_size).sum();
        taken
    }
}

/// Where the walk over the input is.
struct Walk {
    windows: Windows,
    /// None once it has ended.
    input: Option<SendableRecordBatchStream>,
    held: Held,
    ready: Option<Evaluated>,
    /// The rows that come out for a partition on disk.
    large: Option<SendableRecordBatchStream>,
}

impl Walk {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(batch) = self.next_large().await? {
                self.windows.baseline.record_output(batch.num_rows());
                return Ok(Some((batch, self)));
            }
            if let Some(batch) = self.next_ready()? {
                self.windows.baseline.record_output(batch.num_rows());
                return Ok(Some((batch, self)));
            }
            if !self.advance().await? {
                return Ok(None);
            }
        }
    }

    fn next_ready(&mut self) -> Result<Option<RecordBatch>> {
        let Some(ready) = &mut self.ready else { return Ok(None) };
        let next = ready.take()?;
        if next.is_none() {
            self.ready = None;
        }
        Ok(next)
    }

    async fn next_large(&mut self) -> Result<Option<RecordBatch>> {
        let Some(large) = &mut self.large else { return Ok(None) };
        let next = large.next().await.transpose()?;
        if next.is_none() {
            self.large = None;
        }
        Ok(next)
    }

    /// Reads until something can come out; whether anything can.
    async fn advance(&mut self) -> Result<bool> {
        let Some(input) = &mut self.input else {
            let left = self.held.rows;
            self.evaluate(left).await?;
            return Ok(left > 0);
        };
        match input.next().await.transpose()? {
            None => self.input = None,
            Some(batch) if batch.num_rows() == 0 => {}
            Some(batch) => {
                self.hold(batch)?;
                self.make_room().await?;
            }
        }
        Ok(true)
    }

    /// Adds a batch, and notes where its last partition begins.
    fn hold(&mut self, batch: RecordBatch) -> Result<()> {
        let keys = self.windows.keys(&batch)?;
        let ranges = self.windows.ranges(&keys, batch.num_rows())?;
        let before = self.held.rows;
        match ranges.last() {
            Some(last) if last.start > 0 => self.held.complete = before + last.start,
            _ if before > 0 && row(&keys, 0)? != self.held.last => self.held.complete = before,
            _ => {}
        }
        self.held.last = row(&keys, batch.num_rows() - 1)?;
        self.held.push(batch);
        Ok(())
    }

    /// Evaluates complete partitions when there are enough of them, or when the budget wants their room; sends a
    /// partition to disk that does not fit alone.
    async fn make_room(&mut self) -> Result<()> {
        let batch_size = self.windows.context.session_config().batch_size();
        // The rows, their copy in one batch, and what comes out.
        let refused = self.windows.loan.reserve(3 * self.held.bytes).is_err();
        if self.held.complete >= batch_size || (refused && self.held.complete > 0) {
            let complete = self.held.complete;
            return self.evaluate(complete).await;
        }
        if refused {
            self.go_to_disk().await?;
        }
        Ok(())
    }

    async fn evaluate(&mut self, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let taken = self.held.take(rows);
        let batch = concat_batches(&self.windows.window.input().schema(), &taken)?;
        drop(taken);
        self.ready = Some(self.windows.evaluate(&batch).await?);
        self.windows.loan.shrink_to(3 * self.held.bytes);
        Ok(())
    }

    /// Writes all of the partition at hand, of which every held row is a part.
    async fn go_to_disk(&mut self) -> Result<()> {
        let mut partition = LargePartition::new(&self.windows)?;
        let rows = self.held.rows;
        let key = mem::take(&mut self.held.last);
        for batch in self.held.take(rows) {
            partition.push(batch)?;
        }
        self.windows.loan.shrink_to(0);
        while let Some(input) = &mut self.input {
            let Some(batch) = input.next().await.transpose()? else {
                self.input = None;
                break;
            };
            let keys = self.windows.keys(&batch)?;
            let first = self.windows.ranges(&keys, batch.num_rows())?.first().map_or(0, |range| range.end);
            if first > 0 && row(&keys, 0)? != key {
                self.hold(batch)?;
                break;
            }
            partition.push(batch.slice(0, first))?;
            if first < batch.num_rows() {
                self.hold(batch.slice(first, batch.num_rows() - first))?;
                break;
            }
            tokio::task::coop::consume_budget().await;
        }
        self.large = Some(partition.finish().await?);
        Ok(())
    }
}

/// One row of `columns`.
fn row(columns: &[ArrayRef], row: usize) -> Result<Vec<ScalarValue>> {
    columns.iter().map(|column| ScalarValue::try_from_array(column, row)).collect()
}
