//! Functions that look ahead: the same with the order turned round look back.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt64Array};
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, WindowExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};

use super::large::has_filter;
use super::running::{aggregate_of, can_run, joins, keeps_values};
use super::stream::Windows;
use super::whole::sees_all;
use crate::operator::aggregate::collects;
use crate::operator::spill::Loan;

/// The aggregates of a query that look ahead to the end of the partition, over partitions that are in memory.
///
/// The engine takes the rows of a frame out of an aggregate one by one, which few aggregates can; where it has the values
/// of the frame once more for every row, that takes the square of them.
///
/// ```text
/// partitions   a a a b b      sum(v) … CURRENT ROW AND UNBOUNDED FOLLOWING
/// turned       b b a a a      sum(v) … UNBOUNDED PRECEDING AND CURRENT ROW, in the opposite order
/// ```
#[derive(Clone, Default)]
pub(super) struct Backward {
    functions: Vec<Arc<dyn WindowExpr>>,
    /// For each function of the query its place among these, where it is one.
    places: Vec<Option<usize>>,
}

impl Backward {
    pub(super) fn of(functions: &[Arc<dyn WindowExpr>], input: &SchemaRef) -> Result<Self> {
        let mut all = Self::default();
        for function in functions {
            let is_aggregate = aggregate_of(function.as_ref()).is_some() && !sees_all(function.as_ref());
            let turned = if is_aggregate { backward(function, input)? } else { None };
            all.places.push(turned.as_ref().map(|_| all.functions.len()));
            all.functions.extend(turned);
        }
        Ok(all)
    }

    /// The columns of these functions for the rows of whole partitions.
    pub(super) async fn columns(&self, windows: &Windows, partitions: &RecordBatch) -> Result<Vec<ArrayRef>> {
        if self.functions.is_empty() {
            return Ok(Vec::new());
        }
        let input = windows.window.input().schema();
        let rows = futures::stream::iter([turn(partitions)]);
        let rows = Box::pin(RecordBatchStreamAdapter::new(input, rows));
        // What holds the rows is reserved by another.
        let loan = Loan::new("SpillingWindowExec", &windows.context, windows.figures.peak.clone());
        let rows = windows.running(loan, self.functions.clone(), true, rows)?;
        // The rows themselves are let go: they are held once already.
        let found = Vec::from_iter(partitions.num_columns()..rows.schema().fields().len());
        let columns = rows.map(|batch| -> Result<_> { Ok(batch?.project(&found)?) });
        let columns = columns.try_collect::<Vec<_>>().await?;
        let Some(first) = columns.first() else { return Ok(Vec::new()) };
        Ok(turn(&concat_batches(&first.schema(), &columns)?)?.columns().to_vec())
    }

    /// The column of a function, if it is one of these.
    pub(super) fn column(&self, function: usize, columns: &[ArrayRef]) -> Option<ArrayRef> {
        columns.get((*self.places.get(function)?)?).cloned()
    }
}

/// The function over the opposite order, where it gives the same values and is found while rows are read.
pub(super) fn backward(function: &Arc<dyn WindowExpr>, input: &SchemaRef) -> Result<Option<Arc<dyn WindowExpr>>> {
    let aggregate = aggregate_of(function.as_ref());
    let joined = aggregate.filter(|aggregate| joins(aggregate) && !has_filter(function.as_ref()));
    if let Some(aggregate) = joined {
        return Ok(Some(reversed(function.as_ref(), aggregate)).filter(|reverse| can_run(reverse.as_ref())));
    }
    // These have the values of the frame in their order.
    let in_order = aggregate.is_some_and(collects);
    let reverse = match (function.get_reverse_expr(), aggregate) {
        (None, Some(aggregate)) if !has_filter(function.as_ref()) => {
            let any_order = is_approximate(aggregate) || keeps_values(function.as_ref(), input)?;
            any_order.then(|| reversed(function.as_ref(), aggregate))
        }
        (reverse, _) => reverse,
    };
    Ok(reverse.filter(|reverse| !in_order && can_run(reverse.as_ref())))
}

/// Whether it is one of the engine's sketches, which take values in any order.
fn is_approximate(aggregate: &AggregateFunctionExpr) -> bool {
    matches!(
        aggregate.fun().name(),
        "approx_distinct" | "approx_median" | "approx_percentile_cont" | "approx_percentile_cont_with_weight"
    )
}

/// The same aggregate over the opposite order: the engine does not know that order does not matter to it, or that texts
/// come before those that are there.
fn reversed(function: &dyn WindowExpr, aggregate: &AggregateFunctionExpr) -> Arc<dyn WindowExpr> {
    let order: Vec<_> = function.order_by().iter().map(PhysicalSortExpr::reverse).collect();
    let frame = Arc::new(function.get_window_frame().reverse());
    // Of this kind whether its frame leaves rows behind or not: those who run it look at the frame.
    Arc::new(PlainAggregateWindowExpr::new(Arc::new(aggregate.clone()), function.partition_by(), &order, frame, None))
}

/// The rows of `rows`, each batch from the last to the first.
pub(super) fn turned(rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let turned = rows.and_then(|batch| futures::future::ready(turn(&batch)));
    Box::pin(RecordBatchStreamAdapter::new(schema, turned))
}

pub(super) fn turn(batch: &RecordBatch) -> Result<RecordBatch> {
    let indices = UInt64Array::from_iter_values((0..batch.num_rows() as u64).rev());
    Ok(take_record_batch(batch, &indices)?)
}
