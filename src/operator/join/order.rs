//! The order of the probe side, for a join that others rely on to keep it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt64Array};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;

use super::shape::numbered;
use crate::error::Error;
use crate::operator::sort::Sort;
use crate::operator::spill::SpillFigures;

/// The rows of `input` with their number, counted from 0, as a last column.
pub(super) fn number_rows(input: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = numbered(&input.schema());
    let (mut next, numbered) = (0, Arc::clone(&schema));
    let batches = input.and_then(move |batch| {
        let first = next;
        next += batch.num_rows() as u64;
        futures::future::ready(with_numbers(&batch, first, &numbered))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

fn with_numbers(batch: &RecordBatch, first: u64, schema: &SchemaRef) -> Result<RecordBatch> {
    let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(first..first + batch.num_rows() as u64));
    Ok(RecordBatch::try_new(Arc::clone(schema), batch.columns().iter().cloned().chain([numbers]).collect())?)
}

/// The rows of `input` sorted by the number in their last column, without it.
///
/// Rows of the same number stay as they came: the engine's join gives the partners of a row in the build side's order.
pub(super) fn in_order(
    input: SendableRecordBatchStream,
    output: SchemaRef,
    context: Arc<TaskContext>,
    figures: SpillFigures,
) -> Result<SendableRecordBatchStream> {
    let input = number_rows(input);
    let schema = input.schema();
    let width = schema.fields().len();
    let numbers = [width - 2, width - 1].map(|column| Arc::new(Column::new(schema.field(column).name(), column)));
    let ordering = LexOrdering::new(numbers.map(|number| PhysicalSortExpr::new_default(number)));
    let ordering = ordering.ok_or_else(|| Error::internal("an order by nothing"))?;
    let sorted = Sort::inside("SpillingJoinExec[order]", ordering, context, figures).stream(input);
    let to = Arc::clone(&output);
    let batches = sorted.and_then(move |batch| futures::future::ready(without_numbers(&batch, &to)));
    Ok(Box::pin(RecordBatchStreamAdapter::new(output, batches)))
}

fn without_numbers(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns()[..schema.fields().len()].to_vec();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
