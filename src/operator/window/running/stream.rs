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

use super::budget::{Budget, Grant};
use super::distinct::Distinct;
use super::frame::{Frame, Member, Reach, aggregate_of, joins, keeps_values};
use super::log::{Cursor, Log, Room};
use super::numbering::Numbering;
use super::numbers::numbers;
use super::parts::Finder;
use super::shift::Shift;
use super::total::Total;
use super::values::{Function, Values};
use crate::operator::spill::{Loan, SpillFigures};
use crate::operator::window::large::{has_filter, udf_name};

/// Window functions with partitions and order in common, over rows that come in that order.
pub(in crate::operator::window) struct Running {
    pub(in crate::operator::window) functions: Vec<Arc<dyn WindowExpr>>,
    /// Whether these are the functions of a query over the opposite order.
    pub(in crate::operator::window) backward: bool,
    /// The columns of the input, and behind them one for each function.
    pub(in crate::operator::window) schema: SchemaRef,
    pub(in crate::operator::window) loan: Arc<Loan>,
    pub(in crate::operator::window) context: Arc<TaskContext>,
    pub(in crate::operator::window) figures: SpillFigures,
    pub(in crate::operator::window) baseline: BaselineMetrics,
}

/// Whether the values of a function are known while rows are read, at the latest some rows after its own.
///
/// Of a FILTER that has not become an argument nothing is told.
pub(in crate::operator::window) fn can_run(function: &dyn WindowExpr) -> bool {
    let known = match function.as_any().downcast_ref::<StandardWindowExpr>() {
        Some(standard) => matches!(
            udf_name(standard),
            Some("row_number" | "rank" | "dense_rank" | "lag" | "lead" | "first_value" | "last_value" | "nth_value")
        ),
        None => aggregate_of(function).is_some() && !has_filter(function),
    };
    known && function.uses_bounded_memory()
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
    fn new(columns: Vec<usize>, function: Box<dyn Function>, room: &Room) -> Self {
        let values = columns.iter().map(|_| Values::new(room)).collect();
        Self { function, columns, values }
    }
}

struct Walk {
    running: Running,
    /// None once it has ended.
    input: Option<SendableRecordBatchStream>,
    finder: Finder,
    ways: Vec<Way>,
    /// For what the functions hold.
    others: Grant,
    /// The rows that wait for their values, from `out` on.
    waiting: Log,
    out: Cursor,
}

impl Walk {
    fn new(running: Running, input: SendableRecordBatchStream) -> Result<Self> {
        let budget = Budget::new(Arc::clone(&running.loan));
        let others = budget.insist(0);
        let (context, figures) = (Arc::clone(&running.context), running.figures.clone());
        let room = Room { budget, context, figures, backward: running.backward };
        let ways = ways(&running.functions, &input.schema(), &room)?;
        let (waiting, out) = (Log::new(&room), Cursor::default());
        Ok(Self { running, input: Some(input), finder: Finder::default(), ways, others, waiting, out })
    }

    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(batch) = self.take()? {
                self.running.baseline.record_output(batch.num_rows());
                return Ok(Some((batch, self)));
            }
            let Some(input) = &mut self.input else { return Ok(None) };
            match input.next().await.transpose()? {
                Some(batch) if batch.num_rows() > 0 => self.push(batch).await?,
                Some(_) => {}
                None => {
                    self.input = None;
                    self.finish().await?;
                }
            }
        }
    }

    async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let _timer = self.running.baseline.elapsed_compute().timer();
        let parts = self.finder.parts(&self.running.functions[0], batch)?;
        for way in &mut self.ways {
            way.function.push(&parts, &mut way.values).await?;
        }
        self.waiting.push(parts.batch)?;
        self.others.set(bytes(&self.ways))
    }

    async fn finish(&mut self) -> Result<()> {
        let _timer = self.running.baseline.elapsed_compute().timer();
        for way in &mut self.ways {
            way.function.finish(&mut way.values).await?;
        }
        self.others.set(bytes(&self.ways))
    }

    /// Rows whose values are all known.
    fn take(&mut self) -> Result<Option<RecordBatch>> {
        let known = self.ways.iter().flat_map(|way| &way.values).map(Values::rows).min().unwrap_or(0);
        if known == 0 {
            return Ok(None);
        }
        let _timer = self.running.baseline.elapsed_compute().timer();
        let Some(batch) = self.out.next(&self.waiting, self.out.row + known)? else { return Ok(None) };
        self.waiting.forget(self.out.row);
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

/// What the functions hold.
fn bytes(ways: &[Way]) -> usize {
    ways.iter().map(|way| way.function.bytes()).sum()
}

/// The ways of all functions; those that have their frame in common go together.
fn ways(functions: &[Arc<dyn WindowExpr>], schema: &SchemaRef, room: &Room) -> Result<Vec<Way>> {
    let mut ways = Vec::new();
    let mut frames: Vec<(Reach, Frame, Vec<usize>)> = Vec::new();
    for (column, function) in functions.iter().enumerate() {
        if let Some(own) = own(function, schema, room)? {
            ways.push(Way::new(vec![column], own, room));
            continue;
        }
        let (reach, member) = Member::new(function, schema, room)?;
        let place = frames.iter().position(|(other, ..)| *other == reach).unwrap_or(frames.len());
        if place == frames.len() {
            frames.push((reach.clone(), Frame::new(function, reach, room)?, Vec::new()));
        }
        frames[place].1.add(member);
        frames[place].2.push(column);
    }
    ways.extend(frames.into_iter().map(|(_, frame, columns)| Way::new(columns, Box::new(frame), room)));
    Ok(ways)
}

/// A function that has a way of its own.
fn own(function: &Arc<dyn WindowExpr>, schema: &SchemaRef, room: &Room) -> Result<Option<Box<dyn Function>>> {
    if let Some(distinct) = Distinct::new(function, schema, room)? {
        return Ok(Some(Box::new(distinct)));
    }
    Ok(match function.as_any().downcast_ref::<StandardWindowExpr>() {
        Some(standard) => match udf_name(standard).and_then(Numbering::new) {
            Some(numbering) => Some(Box::new(numbering)),
            None => Shift::new(standard)?.map(|shift| Box::new(shift) as _),
        },
        None => match numbers(function, schema)? {
            Some(numbers) => Some(numbers),
            None if keeps_values(function.as_ref(), schema)? => None,
            // The engine's would add texts in the order in which they come.
            None if room.backward && aggregate_of(function.as_ref()).is_some_and(joins) => None,
            None => Total::new(function)?.map(|total| Box::new(total) as _),
        },
    })
}
