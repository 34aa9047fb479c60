//! Aggregates that need every value, found from the values in their order: those lie on disk, and one or two of them
//! matter at a time.

use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use datafusion::arrow::compute::{SortColumn, cast, concat, filter, is_not_null};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::utils::evaluate_partition_ranges;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{Stream, StreamExt, TryStreamExt};

use super::shape::quantile;
use crate::error::Error;
use crate::operator::sort::Sort;
use crate::operator::spill::SpillFigures;

/// One such function, of all values of one group.
pub(in crate::operator) struct Sorted<'a> {
    /// The operator that it is for.
    pub(in crate::operator) name: &'static str,
    pub(in crate::operator) function: &'a AggregateFunctionExpr,
    pub(in crate::operator) context: &'a Arc<TaskContext>,
    pub(in crate::operator) figures: &'a SpillFigures,
}

/// Whether a function can be found from its values, which have that type, in their order: a quantile, how many there
/// are that are different, or the most frequent one.
pub(in crate::operator) fn can_be_sorted(function: &AggregateFunctionExpr, value: &DataType) -> bool {
    let is_plain = !value.is_nested() && !matches!(value, DataType::Dictionary(..));
    quantile(function).is_some() || (is_plain && (counts_distinct(function) || is_mode(function)))
}

fn is_mode(function: &AggregateFunctionExpr) -> bool {
    function.fun().name() == "mode"
}

fn counts_distinct(function: &AggregateFunctionExpr) -> bool {
    function.is_distinct() && function.fun().name() == "count" && function.expressions().len() == 1
}

/// Rows of one column `value`: of arrays of values, those that are not NULL.
pub(in crate::operator) fn values_only(
    data_type: DataType,
    arrays: impl Stream<Item = Result<ArrayRef>> + Send + 'static,
) -> SendableRecordBatchStream {
    let schema = Arc::new(Schema::new(vec![Field::new("value", data_type, true)]));
    let of = Arc::clone(&schema);
    let batches = arrays.map(move |values| {
        let values = values?;
        let values = filter(&values, &is_not_null(&values)?)?;
        Ok(RecordBatch::try_new(Arc::clone(&of), vec![values])?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

impl Sorted<'_> {
    /// The value of the function, as an array of one, for the rows of [`values_only`].
    pub(in crate::operator) async fn of(&self, values: SendableRecordBatchStream) -> Result<ArrayRef> {
        match quantile(self.function) {
            Some(share) => self.quantile(share, values).await,
            None if is_mode(self.function) => self.mode(values).await,
            None => self.count_distinct(values).await,
        }
    }

    /// The one at its place in the order of all, or what lies between the two beside it.
    async fn quantile(&self, share: f64, values: SendableRecordBatchStream) -> Result<ArrayRef> {
        let count = Arc::new(AtomicUsize::new(0));
        let mut sorted = self.in_order(values, Arc::clone(&count))?;
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
        let is_median = self.function.fun().name() == "median";
        match found.iter().map(|values| values.len()).sum::<usize>() {
            2 if !is_median => between(&found, place.fract()),
            _ => {
                // Of so few values, the engine's own function finds it.
                let mut accumulator = self.function.create_accumulator()?;
                found.iter().try_for_each(|values| accumulator.update_batch(std::slice::from_ref(values)))?;
                accumulator.evaluate()?.to_array()
            }
        }
    }

    /// How many runs of equal values there are.
    async fn count_distinct(&self, values: SendableRecordBatchStream) -> Result<ArrayRef> {
        let mut runs = 0;
        self.runs(values, |_, _, goes_on| {
            runs += i64::from(!goes_on);
            Ok(())
        })
        .await?;
        Ok(Arc::new(Int64Array::from(vec![runs])))
    }

    /// The value of the longest run, the first of several.
    async fn mode(&self, values: SendableRecordBatchStream) -> Result<ArrayRef> {
        let mut mode = ScalarValue::try_from(values.schema().field(0).data_type())?;
        let (mut most, mut length) = (0, 0);
        self.runs(values, |values, run, goes_on| {
            length = if goes_on { length + run.len() } else { run.len() };
            if length > most {
                most = length;
                mode = ScalarValue::try_from_array(values, run.start)?.compacted();
            }
            Ok(())
        })
        .await?;
        mode.to_array()
    }

    /// Shows `run` the rows of each run of equal values, and whether it goes on with the last one of the batch before.
    async fn runs(
        &self,
        values: SendableRecordBatchStream,
        mut run: impl FnMut(&ArrayRef, Range<usize>, bool) -> Result<()>,
    ) -> Result<()> {
        let mut sorted = self.in_order(values, Arc::default())?;
        let mut last = None;
        while let Some(batch) = sorted.next().await.transpose()? {
            let values = batch.column(0);
            if values.is_empty() {
                continue;
            }
            let mut goes_on = last == Some(ScalarValue::try_from_array(values, 0)?);
            let keys = SortColumn { values: Arc::clone(values), options: None };
            for rows in evaluate_partition_ranges(values.len(), &[keys])? {
                run(values, rows, mem::take(&mut goes_on))?;
            }
            last = Some(ScalarValue::try_from_array(values, values.len() - 1)?.compacted());
        }
        Ok(())
    }

    /// All values in their order, by way of the disk; `count` is how many of them have been read.
    fn in_order(
        &self,
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
        let name = format!("{}[{}]", self.name, self.function.fun().name());
        Ok(Sort::inside(&name, by_value, Arc::clone(self.context), self.figures.clone()).stream(counted))
    }
}

/// How much of the way from one number to the next the engine's `percentile_cont` goes, which is so much in truth.
pub(in crate::operator) fn known_digits(weight: f64) -> f64 {
    const DIGITS: f64 = 1e6;
    (weight * DIGITS).trunc() / DIGITS
}

/// What lies at `weight` of the way from the first to the second of two numbers.
fn between(numbers: &[ArrayRef], weight: f64) -> Result<ArrayRef> {
    let numbers = concat(&numbers.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?;
    let wide = cast(&numbers, &DataType::Float64)?;
    let wide = wide.as_primitive::<Float64Type>();
    let (lower, upper) = (wide.value(0), wide.value(1));
    let found = lower + (upper - lower) * known_digits(weight);
    let between: ArrayRef = Arc::new(Float64Array::from(vec![found]));
    Ok(cast(&between, numbers.data_type())?)
}
