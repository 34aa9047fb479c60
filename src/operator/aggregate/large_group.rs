//! One group whose state does not fit, from its states on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, UInt64Array};
use datafusion::arrow::compute::{SortColumn, cast, concat, filter, is_not_null, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::evaluate_partition_ranges;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};

use super::shape::{Rows, Shape};
use super::stream::Aggregation;
use crate::error::Error;
use crate::operator::sort::Sort;
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
            None => quantile(aggregation, function, values_of(shape, function, read())?).await?,
        });
    }
    Ok(RecordBatch::try_new(Arc::clone(shape.output()), columns)?)
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
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("value", value_type, true)]));
    let (shape, of) = (Arc::clone(shape), Arc::clone(&schema));
    let values = states.map(move |states| {
        let states = shape.evaluate(&states?, Rows::States)?.arguments;
        let lists = states[function].0.first().and_then(|lists| lists.as_list_opt::<i32>());
        let lists = lists.ok_or_else(|| Error::internal("the state of a quantile is a list"))?;
        let values = flat(lists);
        let values = filter(&values, &is_not_null(&values)?)?;
        Ok(RecordBatch::try_new(Arc::clone(&of), vec![values])?)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, small(values))))
}

/// The values of all lists. One that is NULL has none: it comes of a group without rows.
fn flat(lists: &ListArray) -> ArrayRef {
    let offsets = lists.value_offsets();
    let (start, end) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    lists.values().slice(start as usize, (end - start) as usize)
}

/// The same rows in batches that a sort can do with.
fn small(
    batches: impl futures::Stream<Item = Result<RecordBatch>> + Send + 'static,
) -> impl futures::Stream<Item = Result<RecordBatch>> + Send + 'static {
    const ROWS: usize = 8192;
    let pieces = |batch: RecordBatch| {
        let starts = (0..batch.num_rows()).step_by(ROWS);
        // Slices would be counted with all of the values around them: each piece is a copy.
        let last = batch.num_rows();
        let rows = move |start| UInt64Array::from_iter_values(start as u64..last.min(start + ROWS) as u64);
        let pieces = starts.map(move |start| Ok(take_record_batch(&batch, &rows(start))?));
        futures::stream::iter(pieces)
    };
    batches.map_ok(pieces).try_flatten()
}

/// The quantile of all values: the one at its place in their order, or what lies between the two beside it.
async fn quantile(aggregation: &Aggregation, function: usize, values: SendableRecordBatchStream) -> Result<ArrayRef> {
    let share =
        aggregation.shape.quantile(function).ok_or_else(|| Error::internal("a function that is no quantile"))?;
    let count = Arc::new(AtomicUsize::new(0));
    let mut sorted = sorted(aggregation, values, Arc::clone(&count))?;
    let mut found: Vec<ArrayRef> = Vec::new();
    let (mut before, mut place) = (0, 0.0);
    while let Some(batch) = sorted.next().await.transpose()? {
        // With the first batch that is sorted, all are counted.
        place = share * count.load(Ordering::Relaxed).saturating_sub(1) as f64;
        let wanted = (place.floor() as usize)..(place.ceil() as usize + 1);
        let first = wanted.start.max(before);
        let end = wanted.end.min(before + batch.num_rows());
        if first < end {
            found.push(batch.column(0).slice(first - before, end - first));
        }
        before += batch.num_rows();
        if before >= wanted.end {
            break;
        }
    }
    let is_median = aggregation.shape.functions()[function].fun().name() == "median";
    match found.iter().map(|values| values.len()).sum::<usize>() {
        2 if !is_median => between(&found, place.fract()),
        _ => {
            // Of so few values, the engine's own function finds it.
            let mut accumulator = aggregation.shape.accumulator(function)?;
            found.iter().try_for_each(|values| accumulator.update_batch(std::slice::from_ref(values)))?;
            accumulator.evaluate()?.to_array()
        }
    }
}

/// All values in their order, by way of the disk; `count` is how many of them have been read.
fn sorted(
    aggregation: &Aggregation,
    values: SendableRecordBatchStream,
    count: Arc<AtomicUsize>,
) -> Result<SendableRecordBatchStream> {
    let schema = values.schema();
    let counted = values.inspect_ok(move |batch| {
        count.fetch_add(batch.num_rows(), Ordering::Relaxed);
    });
    let counted: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(schema, counted));
    let by_value = LexOrdering::new([PhysicalSortExpr::new_default(Arc::new(Column::new("value", 0)))]);
    let by_value = by_value.ok_or_else(|| Error::internal("an order by nothing"))?;
    let (context, figures) = (Arc::clone(&aggregation.context), aggregation.figures.clone());
    Ok(Sort::inside("SpillingAggregateExec[quantile]", by_value, context, figures).stream(counted))
}

/// What lies at `weight` of the way from the first to the second of two numbers, to the sixth digit of the weight: as
/// the engine's `percentile_cont` has it.
fn between(numbers: &[ArrayRef], weight: f64) -> Result<ArrayRef> {
    const DIGITS: f64 = 1e6;
    let numbers = concat(&numbers.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?;
    let wide = cast(&numbers, &DataType::Float64)?;
    let wide = wide.as_primitive::<Float64Type>();
    let (lower, upper) = (wide.value(0), wide.value(1));
    let weight = (weight * DIGITS).trunc() / DIGITS;
    let between: ArrayRef = Arc::new(Float64Array::from(vec![lower + (upper - lower) * weight]));
    Ok(cast(&between, numbers.data_type())?)
}
