//! A bound that is known not to be passed by any of the first rows.

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{OwnedRow, Row, RowConverter, SortField};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalSortExpr;
use parking_lot::Mutex;

/// Rows looked at in each batch while bounds are being chosen.
const SAMPLED: usize = 64;

/// Bounds are chosen from so many rows.
const SAMPLE: usize = if cfg!(test) { 256 } else { 4096 };

/// Every so many rows of the sorted sample are a bound.
const STEP: usize = 4;

/// Lets rows pass until enough of them are known to come before a bound; then those before it alone.
///
/// ```text
/// bounds      b0     b1     b2     b3            of the first sort key, chosen from the first rows
/// counts    12    9     14     11     8          rows that passed, by the first bound that is not before them
///           └── 21 ──┘                           20 wanted: nothing behind b1 is among them
/// ```
///
/// After Chronis et al., "External Merge Sort for Top-K Queries" (SIGMOD 2020), with one histogram of the input in the
/// place of one for each run. It may be shared by all partitions whose first rows are merged.
#[derive(Debug)]
pub(super) struct Cutoff {
    key: PhysicalSortExpr,
    wanted: u64,
    converter: RowConverter,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sample: Vec<OwnedRow>,
    bounds: Vec<OwnedRow>,
    counts: Vec<u64>,
    cutoff: Option<OwnedRow>,
}

impl Cutoff {
    /// For the `wanted` first rows in an order that begins with `key`.
    pub(super) fn new(key: PhysicalSortExpr, wanted: usize, schema: &Schema) -> Result<Self> {
        let field = SortField::new_with_options(key.expr.data_type(schema)?, key.options);
        let converter = RowConverter::new(vec![field])?;
        Ok(Self { key, wanted: wanted as u64, converter, state: Mutex::default() })
    }

    /// The rows of `batch` that may be among the first.
    pub(super) fn filter(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let values: ArrayRef = self.key.expr.evaluate(&batch)?.into_array(batch.num_rows())?;
        let rows = self.converter.convert_columns(&[values])?;
        // Other partitions go on while this one compares: an older cutoff lets more rows pass, never fewer.
        let Some(cutoff) = self.state.lock().cutoff.clone() else {
            self.state.lock().note(rows.iter(), rows.num_rows(), self.wanted);
            return Ok(batch);
        };
        let passes: BooleanArray = rows.iter().map(|row| Some(row <= cutoff.row())).collect();
        let passed = rows.iter().zip(passes.values().iter()).filter(|(_, passes)| *passes).map(|(row, _)| row);
        self.state.lock().note(passed, passes.true_count(), self.wanted);
        Ok(filter_record_batch(&batch, &passes)?)
    }
}

impl State {
    fn note<'a>(&mut self, rows: impl Iterator<Item = Row<'a>>, count: usize, wanted: u64) {
        if self.bounds.is_empty() {
            return self.sample(rows, count);
        }
        for row in rows {
            let bucket = self.bounds.partition_point(|bound| bound.row() < row);
            if let Some(count) = self.counts.get_mut(bucket) {
                *count += 1;
            }
        }
        self.tighten(wanted);
    }

    fn sample<'a>(&mut self, rows: impl Iterator<Item = Row<'a>>, count: usize) {
        let step = count.div_ceil(SAMPLED).max(1);
        self.sample.extend(rows.step_by(step).map(|row| row.owned()));
        if self.sample.len() >= SAMPLE {
            let mut sample = std::mem::take(&mut self.sample);
            sample.sort();
            self.bounds = sample.into_iter().step_by(STEP).collect();
            self.bounds.dedup();
            self.counts = vec![0; self.bounds.len()];
        }
    }

    fn tighten(&mut self, wanted: u64) {
        let mut before = 0;
        let enough = self.counts.iter().position(|count| {
            before += count;
            before >= wanted
        });
        let Some(bucket) = enough else { return };
        self.cutoff = Some(self.bounds[bucket].clone());
        if bucket == 0 {
            // Later rows come before all bounds: others are wanted.
            self.bounds.clear();
        } else {
            self.bounds.truncate(bucket + 1);
            self.counts.truncate(bucket + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{AsArray, Int64Array};
    use datafusion::arrow::compute::SortOptions;
    use datafusion::arrow::datatypes::Int64Type;
    use datafusion::physical_expr::expressions::col;

    use super::*;

    fn batch(values: impl IntoIterator<Item = Option<i64>>) -> RecordBatch {
        let values: ArrayRef = Arc::new(values.into_iter().collect::<Int64Array>());
        RecordBatch::try_from_iter_with_nullable([("v", values, true)]).unwrap()
    }

    fn cutoff(schema: &Schema, options: SortOptions, wanted: usize) -> Cutoff {
        Cutoff::new(PhysicalSortExpr::new(col("v", schema).unwrap(), options), wanted, schema).unwrap()
    }

    /// The first rows pass whatever order they come in, and few others.
    fn check(values: &[Option<i64>], options: SortOptions, at_most: usize) {
        let wanted = 100;
        let cutoff = cutoff(batch([None]).schema_ref(), options, wanted);
        let mut passed = Vec::new();
        for values in values.chunks(50) {
            let rows = cutoff.filter(batch(values.iter().copied())).unwrap();
            passed.extend(rows.column(0).as_primitive::<Int64Type>().iter());
        }
        let order = |rows: &[Option<i64>]| {
            let mut rows = rows.to_vec();
            rows.sort_by_key(|value| {
                (value.is_none() != options.nulls_first, if options.descending { value.map(|v| -v) } else { *value })
            });
            rows.truncate(wanted);
            rows
        };
        assert_eq!(order(&passed), order(values));
        assert!(passed.len() <= at_most, "{} of {} rows passed", passed.len(), values.len());
    }

    #[test]
    fn the_first_rows_pass_and_few_others() {
        let mixed: Vec<_> = (0..20_000i64).map(|n| (n % 97 != 0).then_some(n * 7919 % 20_011)).collect();
        let rising: Vec<_> = (0..20_000).map(Some).collect();
        let one: Vec<_> = vec![Some(5); 20_000];
        for descending in [false, true] {
            for nulls_first in [false, true] {
                let options = SortOptions { descending, nulls_first };
                check(&mixed, options, 5_000);
                check(&one, options, 20_000);
                check(&rising, options, 20_000);
            }
        }
        check(&rising, SortOptions { descending: false, nulls_first: false }, 2_000);
    }
}
