//! The way of rows past the functions.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use super::frame::Frames;
use super::numbering::Numbering;
use super::numbers::numbers;
use super::parts::Finder;
use super::shift::Shift;
use super::total::Total;
use super::values::{Function, Values};
use crate::operator::spill::{Loan, Queue, SpillFigures};
use crate::operator::window::large::udf_name;

/// Window functions with partitions and order in common, over rows that come in that order.
pub(in crate::operator::window) struct Running {
    pub(in crate::operator::window) functions: Vec<Arc<dyn WindowExpr>>,
    /// The columns of the input, and behind them one for each function.
    pub(in crate::operator::window) schema: SchemaRef,
    pub(in crate::operator::window) loan: Arc<Loan>,
    pub(in crate::operator::window) context: Arc<TaskContext>,
    pub(in crate::operator::window) figures: SpillFigures,
    pub(in crate::operator::window) baseline: BaselineMetrics,
}

/// Whether the values of a function are known while rows are read, at the latest some rows after its own.
pub(in crate::operator::window) fn can_run(function: &dyn WindowExpr) -> bool {
    function.uses_bounded_memory()
}

impl Running {
    /// The rows of `input` with the values of all functions.
    pub(in crate::operator::window) fn stream(
        self,
        input: SendableRecordBatchStream,
    ) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(&self.schema);
        let walk = Walk::new(self, input)?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::try_unfold(walk, Walk::next))))
    }
}

/// A function with the columns that it finds.
struct Way {
    function: Box<dyn Function>,
    /// By the places of the functions in the query.
    columns: Vec<usize>,
    values: Vec<Values>,
}

impl Way {
    fn one(column: usize, function: Box<dyn Function>) -> Self {
        Self { function, columns: vec![column], values: vec![Values::default()] }
    }
}

struct Walk {
    running: Running,
    /// None once it has ended.
    input: Option<SendableRecordBatchStream>,
    finder: Finder,
    ways: Vec<Way>,
    /// Rows that wait for their values.
    waiting: Queue,
}

impl Walk {
    fn new(running: Running, input: SendableRecordBatchStream) -> Result<Self> {
        let mut ways = Vec::new();
        let mut others = (Vec::new(), Vec::new());
        for (column, function) in running.functions.iter().enumerate() {
            match way(column, function, &input.schema())? {
                Some(way) => ways.push(way),
                None => {
                    others.0.push(column);
                    others.1.push(Arc::clone(function));
                }
            }
        }
        if !others.0.is_empty() {
            let values = others.0.iter().map(|_| Values::default()).collect();
            let function = Box::new(Frames::new(others.1, input.schema())?);
            ways.push(Way { function, columns: others.0, values });
        }
        let waiting = Queue::new(Arc::clone(&running.loan), Arc::clone(&running.context), running.figures.clone());
        Ok(Self { running, input: Some(input), finder: Finder::default(), ways, waiting })
    }

    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(batch) = self.take()? {
                self.running.baseline.record_output(batch.num_rows());
                return Ok(Some((batch, self)));
            }
            let Some(input) = &mut self.input else { return Ok(None) };
            match input.next().await.transpose()? {
                Some(batch) if batch.num_rows() > 0 => self.push(batch)?,
                Some(_) => {}
                None => {
                    self.input = None;
                    self.finish()?;
                }
            }
        }
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let _timer = self.running.baseline.elapsed_compute().timer();
        let parts = self.finder.parts(&self.running.functions[0], batch)?;
        for way in &mut self.ways {
            way.function.push(&parts, &mut way.values)?;
        }
        let others = self.bytes();
        self.waiting.push(parts.batch, others)?;
        self.waiting.reserve(others)
    }

    fn finish(&mut self) -> Result<()> {
        let _timer = self.running.baseline.elapsed_compute().timer();
        self.ways.iter_mut().try_for_each(|way| way.function.finish(&mut way.values))
    }

    fn bytes(&self) -> usize {
        self.ways.iter().map(|way| way.function.bytes()).sum()
    }

    /// Rows whose values are all known.
    fn take(&mut self) -> Result<Option<RecordBatch>> {
        let known = self.ways.iter().flat_map(|way| &way.values).map(Values::rows).min().unwrap_or(0);
        if known == 0 {
            return Ok(None);
        }
        let _timer = self.running.baseline.elapsed_compute().timer();
        let Some(batch) = self.waiting.pop(known)? else { return Ok(None) };
        self.waiting.settle(self.bytes());
        let rows = batch.num_rows();
        let width = batch.num_columns();
        let mut columns = batch.columns().to_vec();
        let mut found = vec![None; self.running.functions.len()];
        for way in &mut self.ways {
            for (column, values) in way.columns.iter().zip(&mut way.values) {
                found[*column] = Some(values.take(rows)?);
            }
        }
        columns.extend(found.into_iter().flatten());
        debug_assert_eq!(columns.len(), width + self.running.functions.len());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(RecordBatch::try_new_with_options(Arc::clone(&self.running.schema), columns, &options)?))
    }
}

/// The way of a function that has one of its own.
fn way(column: usize, function: &Arc<dyn WindowExpr>, schema: &SchemaRef) -> Result<Option<Way>> {
    let found: Option<Box<dyn Function>> = match function.as_any().downcast_ref::<StandardWindowExpr>() {
        Some(standard) => match udf_name(standard).and_then(Numbering::new) {
            Some(numbering) => Some(Box::new(numbering)),
            None => Shift::new(standard)?.map(|shift| Box::new(shift) as _),
        },
        None => match numbers(function, schema)? {
            Some(numbers) => Some(numbers),
            None => Total::new(function)?.map(|total| Box::new(total) as _),
        },
    };
    Ok(found.map(|found| Way::one(column, found)))
}
