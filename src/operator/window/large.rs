//! A partition that does not fit the budget, by way of the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowUDFExpr;
use futures::{StreamExt, TryStreamExt};

use super::backward::{backward, turn, turned};
use super::evaluated::REPEATED_BYTES;
use super::numbered::Numbered;
use super::running::{aggregate_of, can_run};
use super::stream::Windows;
use super::whole::{Whole, whole};
use crate::error::Error;
use crate::operator::aggregate::{Sorted, values_only};
use crate::operator::spill::{Loan, Segment, Spool, batches_of, rows_of, unnamed};

/// How the values of one function are found, and the place of its column among those found the same way.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// The same value for all rows.
    Value(usize),
    /// While the rows are read in their order.
    Forward(usize),
    Numbered(usize),
    /// While the rows are read from the last to the first.
    Backward(usize),
    NumberedBackward(usize),
}

/// Writes one partition to disk and gives it back with the values of all functions.
pub(super) struct LargePartition {
    windows: Windows,
    ways: Vec<Way>,
    values: Vec<(Arc<dyn WindowExpr>, Whole)>,
    forward: Vec<Arc<dyn WindowExpr>>,
    backward: Vec<Arc<dyn WindowExpr>>,
    numbered: Vec<Numbered>,
    numbered_backward: Vec<Numbered>,
    rows: Spool,
}

impl LargePartition {
    /// Errors: a function that has to see all rows at once.
    pub(super) fn new(windows: &Windows) -> Result<Self> {
        let rows = Spool::create(&windows.context, &windows.figures)?;
        let mut partition = Self {
            windows: windows.clone(),
            ways: Vec::new(),
            values: Vec::new(),
            forward: Vec::new(),
            backward: Vec::new(),
            numbered: Vec::new(),
            numbered_backward: Vec::new(),
            rows,
        };
        for function in windows.window.window_expr() {
            let way = partition.way(function)?;
            partition.ways.push(way);
        }
        Ok(partition)
    }

    fn way(&mut self, function: &Arc<dyn WindowExpr>) -> Result<Way> {
        if let Some(whole) = whole(function, &self.input())? {
            self.values.push((Arc::clone(function), whole));
            return Ok(Way::Value(self.values.len() - 1));
        }
        if let Some(numbered) = Numbered::new(function)? {
            let backward = numbered.is_backward();
            let all = if backward { &mut self.numbered_backward } else { &mut self.numbered };
            all.push(numbered);
            let place = all.len() - 1;
            return Ok(if backward { Way::NumberedBackward(place) } else { Way::Numbered(place) });
        }
        if can_run(function.as_ref()) {
            self.forward.push(Arc::clone(function));
            return Ok(Way::Forward(self.forward.len() - 1));
        }
        if let Some(backward) = backward(function, &self.input())? {
            self.backward.push(backward);
            return Ok(Way::Backward(self.backward.len() - 1));
        }
        Err(self.refusal(function))
    }

    fn refusal(&self, function: &Arc<dyn WindowExpr>) -> datafusion::common::DataFusionError {
        let name = function.name();
        Error::memory(format!("'{name}' has to see a whole partition at once, and one does not fit the memory limit"))
            .with_hint("raise the memory limit, or use a frame that ends at the current row")
            .into()
    }

    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let mut held = 0;
        for (function, whole) in &mut self.values {
            if let Whole::Accumulator(accumulator) = whole {
                accumulator.update_batch(&function.evaluate_args(&batch)?)?;
                held += accumulator.size();
            }
        }
        // A list holds every value.
        self.windows.loan.reserve_last(held)?;
        self.rows.push(&batch)
    }

    /// The rows with the values of all functions, once all rows are there.
    pub(super) async fn finish(mut self) -> Result<SendableRecordBatchStream> {
        let total = self.rows.rows() as u64;
        self.numbered.iter_mut().chain(&mut self.numbered_backward).for_each(|numbered| numbered.begin(total));
        let values = self.values().await?;
        let backward = self.read_backward().await?;
        let segments = self.rows.take();
        let rows = rows_of(segments, self.input(), self.windows.loan.share());
        let rows = self.windows.running(Arc::clone(&self.windows.loan), self.forward.clone(), false, rows)?;
        let bytes = values.iter().map(ScalarValue::size).sum::<usize>();
        let rows = pieces(rows, REPEATED_BYTES / bytes.max(1));
        let schema = self.windows.schema();
        let held = Loan::new("SpillingWindowExec", &self.windows.context, self.windows.figures.peak.clone());
        held.insist(bytes);
        let assembly = Assembly { partition: self, values, _held: held, rows, backward };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::try_unfold(assembly, Assembly::next))))
    }

    /// The values of the functions that have one for all rows.
    async fn values(&mut self) -> Result<Vec<ScalarValue>> {
        let Windows { context, figures, .. } = self.windows.clone();
        let mut values = Vec::with_capacity(self.values.len());
        for (function, whole) in std::mem::take(&mut self.values) {
            values.push(match whole {
                Whole::Accumulator(mut accumulator) => accumulator.evaluate()?,
                Whole::Sorted(data_type) => {
                    let aggregate = aggregate_of(function.as_ref()).ok_or_else(|| Error::internal("no aggregate"))?;
                    let rows = self.arguments(Arc::clone(&function), data_type);
                    let sorted = Sorted {
                        name: "SpillingWindowExec",
                        function: aggregate,
                        context: &context,
                        figures: &figures,
                    };
                    ScalarValue::try_from_array(&sorted.of(rows).await?, 0)?
                }
            });
        }
        self.windows.loan.shrink_to(0);
        Ok(values)
    }

    /// The first argument of a function, for all rows where it is not NULL.
    fn arguments(&self, function: Arc<dyn WindowExpr>, data_type: DataType) -> SendableRecordBatchStream {
        let rows = rows_of(self.rows.segments().to_vec(), self.input(), self.windows.loan.share());
        let argument = move |batch: RecordBatch| function.evaluate_args(&batch).map(|mut all| all.swap_remove(0));
        values_only(data_type, rows.map(move |batch| argument(batch?)))
    }

    fn input(&self) -> SchemaRef {
        self.windows.window.input().schema()
    }

    /// The values of the functions that look ahead, on disk, in the order of the rows.
    async fn read_backward(&mut self) -> Result<BackwardColumns> {
        let functions = self.backward.len() + self.numbered_backward.len();
        if functions == 0 {
            return Ok(BackwardColumns::none());
        }
        // Each batch is turned by itself: two that came out together would change places.
        let turned = turned(batches_of(self.rows.reversed(), self.input(), Some(self.windows.loan.share())));
        let mut rows = self.windows.running(Arc::clone(&self.windows.loan), self.backward.clone(), true, turned)?;
        let width = self.input().fields().len();
        let mut spool = Spool::create(&self.windows.context, &self.windows.figures)?;
        while let Some(batch) = rows.next().await.transpose()? {
            let mut columns = batch.columns()[width..].to_vec();
            for numbered in &mut self.numbered_backward {
                columns.push(numbered.next(&batch)?);
            }
            spool.push(&unnamed(columns, batch.num_rows())?)?;
        }
        Ok(BackwardColumns::new(spool.reversed()))
    }
}

/// The same rows, up to `rows_at_once` of them at a time, and at least one.
fn pieces(rows: SendableRecordBatchStream, rows_at_once: usize) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let at_once = rows_at_once.max(1);
    let pieces = rows.map_ok(move |batch| {
        let starts = (0..batch.num_rows()).step_by(at_once);
        futures::stream::iter(starts.map(move |start| Ok(batch.slice(start, at_once.min(batch.num_rows() - start)))))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, pieces.try_flatten()))
}

/// The engine's name for a function that is no aggregate.
pub(super) fn udf_name(standard: &StandardWindowExpr) -> Option<&str> {
    Some(standard.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>()?.fun().name())
}

/// Whether rows are filtered before a function sees them.
pub(super) fn has_filter(function: &dyn WindowExpr) -> bool {
    says(function, "filter: Some(")
}

/// Whether a function has a property that the engine keeps to itself: FILTER, IGNORE NULLS.
pub(super) fn says(function: &dyn WindowExpr, property: &str) -> bool {
    format!("{function:?}").contains(property)
}

/// Puts the columns of all ways together, batch by batch.
struct Assembly {
    partition: LargePartition,
    values: Vec<ScalarValue>,
    /// For the values.
    _held: Arc<Loan>,
    rows: SendableRecordBatchStream,
    backward: BackwardColumns,
}

impl Assembly {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        let Some(batch) = self.rows.next().await.transpose()? else { return Ok(None) };
        let rows = batch.num_rows();
        let backward = self.backward.take(rows)?;
        let numbered = self.partition.numbered.iter_mut().map(|numbered| numbered.next(&batch));
        let numbered = numbered.collect::<Result<Vec<_>>>()?;
        let width = self.partition.input().fields().len();
        let mut columns = batch.columns()[..width].to_vec();
        for way in &self.partition.ways {
            columns.push(match way {
                Way::Value(place) => self.values[*place].to_array_of_size(rows)?,
                Way::Forward(place) => Arc::clone(batch.column(width + place)),
                Way::Numbered(place) => Arc::clone(&numbered[*place]),
                Way::Backward(place) => Arc::clone(&backward[*place]),
                Way::NumberedBackward(place) => Arc::clone(&backward[self.partition.backward.len() + place]),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.partition.windows.schema(), columns, &options)?;
        Ok(Some((batch, self)))
    }
}

/// Columns that were written from the last row to the first, read from the first to the last.
struct BackwardColumns {
    segments: VecDeque<Segment>,
    /// Rows that are read and not yet taken.
    read: Option<RecordBatch>,
}

impl BackwardColumns {
    fn none() -> Self {
        Self::new(Vec::new())
    }

    fn new(segments: Vec<Segment>) -> Self {
        Self { segments: segments.into(), read: None }
    }

    /// The columns of the next `rows` rows; no columns where there are none.
    fn take(&mut self, rows: usize) -> Result<Vec<ArrayRef>> {
        let mut parts = Vec::new();
        let mut left = rows;
        while left > 0 {
            let batch = match self.read.take() {
                Some(batch) => batch,
                None => match self.segments.pop_front() {
                    Some(segment) => turn(&segment.read()?)?,
                    None => break,
                },
            };
            let part = batch.slice(0, left.min(batch.num_rows()));
            left -= part.num_rows();
            self.read = (part.num_rows() < batch.num_rows())
                .then(|| batch.slice(part.num_rows(), batch.num_rows() - part.num_rows()));
            parts.push(part);
        }
        match parts.first() {
            Some(first) => Ok(concat_batches(&first.schema(), &parts)?.columns().to_vec()),
            None => Ok(Vec::new()),
        }
    }
}
