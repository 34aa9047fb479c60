//! One group whose state does not fit, from its states on disk.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, ListArray, UInt64Array};
use datafusion::arrow::compute::{SortColumn, take};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::evaluate_partition_ranges;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use futures::{StreamExt, TryStreamExt};

use super::shape::{Rows, Shape};
use super::sorted::{Sorted, values_only};
use super::stream::Aggregation;
use crate::error::Error;
use crate::operator::spill::{Segment, rows_of};

/// The result of the group that all of `states` belong to, as one row.
///
/// A quantile is found by sorting all values, by way of the disk, and taking the one or two at its place. All other
/// functions merge their states, which have to fit.
pub(super) async fn result(aggregation: &Aggregation, states: Vec<Segment>) -> Result<RecordBatch> {
    let shape = &aggregation.shape;
    let read = || rows_of(states.clone(), Arc::clone(shape.state()), aggregation.loan.share());
    let width = shape.groups().fields().len();
    let mut columns = match states.first() {
        Some(first) => first.read()?.slice(0, 1).columns()[..width].to_vec(),
        None => return Err(Error::internal("a group without a state").into()),
    };
    let merged = merge(aggregation, read(), &columns).await?;
    for (function, merged) in merged.into_iter().enumerate() {
        columns.push(match merged {
            Some(mut merged) => merged.evaluate()?,
            None => quantile(aggregation, function).of(values_of(shape, function, read())?).await?,
        });
    }
    Ok(RecordBatch::try_new(Arc::clone(shape.output()), columns)?)
}

fn quantile(aggregation: &Aggregation, function: usize) -> Sorted<'_> {
    Sorted {
        name: "SpillingAggregateExec",
        function: &aggregation.shape.functions()[function],
        context: &aggregation.context,
        figures: &aggregation.figures,
    }
}

/// What the states of one function are merged into. A function may write other states for groups than without them.
enum Merged {
    Group(Box<dyn GroupsAccumulator>),
    Whole(Box<dyn Accumulator>),
}

impl Merged {
    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |states| states.len());
        match self {
            Self::Group(accumulator) => accumulator.merge_batch(states, &vec![0; rows], 1),
            Self::Whole(accumulator) => accumulator.merge_batch(states),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Group(accumulator) => accumulator.size(),
            Self::Whole(accumulator) => accumulator.size(),
        }
    }

    fn evaluate(&mut self) -> Result<ArrayRef> {
        match self {
            Self::Group(accumulator) => accumulator.evaluate(EmitTo::All),
            Self::Whole(accumulator) => accumulator.evaluate()?.to_array(),
        }
    }
}

/// The merged states of all functions but quantiles.
async fn merge(
    aggregation: &Aggregation,
    mut rows: SendableRecordBatchStream,
    group: &[ArrayRef],
) -> Result<Vec<Option<Merged>>> {
    let shape = &aggregation.shape;
    let all: Vec<_> = match group.is_empty() {
        true => shape.row_accumulators()?.into_iter().map(Merged::Whole).collect(),
        false => shape.accumulators()?.into_iter().map(Merged::Group).collect(),
    };
    let but_quantiles = |(function, merged)| shape.quantile(function).is_none().then_some(merged);
    let mut merged: Vec<_> = all.into_iter().enumerate().map(but_quantiles).collect();
    while let Some(batch) = rows.next().await.transpose()? {
        one_group(&batch, group)?;
        let states = shape.evaluate(&batch, Rows::States)?.arguments;
        for (merged, (states, _)) in merged.iter_mut().zip(&states) {
            merged.as_mut().map_or(Ok(()), |merged| merged.merge(states))?;
        }
        aggregation.loan.reserve_last(merged.iter().flatten().map(Merged::bytes).sum())?;
    }
    Ok(merged)
}

/// Two groups of one hash cannot be told apart by any partitioning.
fn one_group(batch: &RecordBatch, group: &[ArrayRef]) -> Result<()> {
    let columns = &batch.columns()[..group.len()];
    let keys = columns.iter().map(|values| SortColumn { values: Arc::clone(values), options: None });
    let mut same = evaluate_partition_ranges(batch.num_rows(), &keys.collect::<Vec<_>>())?.len() <= 1;
    for (values, first) in columns.iter().zip(group).filter(|_| batch.num_rows() > 0) {
        same &= ScalarValue::try_from_array(values, 0)? == ScalarValue::try_from_array(first, 0)?;
    }
    if same {
        return Ok(());
    }
    let message = "two groups have the same hash, and do not fit the memory limit together";
    Err(Error::memory(message).with_hint("raise the memory limit").into())
}

/// The values that the states of a quantile are lists of, without NULLs.
fn values_of(
    shape: &Arc<Shape>,
    function: usize,
    states: SendableRecordBatchStream,
) -> Result<SendableRecordBatchStream> {
    let value_type = shape.functions()[function].expressions()[0].data_type(shape.input_schema())?;
    let shape = Arc::clone(shape);
    let values = small(states.map(move |states| {
        let states = shape.evaluate(&states?, Rows::States)?.arguments;
        let lists = states[function].0.first().and_then(|lists| lists.as_list_opt::<i32>());
        let lists = lists.ok_or_else(|| Error::internal("the state of a quantile is a list"))?;
        Ok(flat(lists))
    }));
    Ok(values_only(value_type, values))
}

/// The values of all lists. One that is NULL has none: it comes of a group without rows.
fn flat(lists: &ListArray) -> ArrayRef {
    let offsets = lists.value_offsets();
    let (start, end) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    lists.values().slice(start as usize, (end - start) as usize)
}

/// The same values in pieces that a sort can do with.
fn small(
    arrays: impl futures::Stream<Item = Result<ArrayRef>> + Send + 'static,
) -> impl futures::Stream<Item = Result<ArrayRef>> + Send + 'static {
    const ROWS: usize = 8192;
    let pieces = |array: ArrayRef| {
        let last = array.len();
        // Slices would be counted with all of the values around them: each piece is a copy.
        let rows = move |start| UInt64Array::from_iter_values(start as u64..last.min(start + ROWS) as u64);
        let pieces = (0..last).step_by(ROWS).map(move |start| Ok(take(&array, &rows(start), None)?));
        futures::stream::iter(pieces)
    };
    arrays.map_ok(pieces).try_flatten()
}
