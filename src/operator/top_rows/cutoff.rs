//! A bound that is known not to be passed by any of the first rows.

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{OwnedRow, Row, RowConverter, SortField};
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalSortExpr;
use parking_lot::Mutex;

/// The passing rows of a batch are halved so many times.
const HALVINGS: u32 = 4;

/// New buckets are put in order when there are so many of them.
const WAITING: usize = if cfg!(test) { 16 } else { 256 };

/// As many buckets are kept at most; beyond it, neighbours are made one.
const BUCKETS: usize = if cfg!(test) { 64 } else { 4096 };

/// The bounds have so many bytes at most, whatever the key: beyond it, neighbours are made one as well.
const BYTES: usize = if cfg!(test) { 4 << 10 } else { 1 << 20 };

/// Lets rows pass until enough of them are known to come before a bound; then those before it alone.
///
/// ```text
/// bounds      b0     b1     b2     b3            of the first sort key, each the last of a part of a batch
/// rows      12     9     14     11               of that part, none of which is behind the bound
///           └── 21 ──┘                           20 wanted: nothing behind b1 is among them
/// ```
///
/// After Chronis et al., "External Merge Sort for Top-K Queries" (SIGMOD 2020), with parts of the input in the place of
/// parts of sorted runs. It may be shared by all partitions whose first rows are merged.
#[derive(Debug)]
pub(super) struct Cutoff {
    key: PhysicalSortExpr,
    wanted: u64,
    converter: RowConverter,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By their bounds, except for the last ones, which wait.
    buckets: Vec<Bucket>,
    waiting: usize,
    /// The bytes of all bounds.
    bytes: usize,
    cutoff: Option<OwnedRow>,
}

/// So many rows come before the bound, or are equal to it.
#[derive(Debug)]
struct Bucket {
    bound: OwnedRow,
    rows: u64,
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
        let cutoff = self.state.lock().cutoff.clone();
        let passes: Option<BooleanArray> =
            cutoff.map(|cutoff| rows.iter().map(|row| Some(row <= cutoff.row())).collect());
        let is_in = |row: &usize| passes.as_ref().is_none_or(|passes| passes.value(*row));
        let mut passed: Vec<_> = (0..rows.num_rows()).filter(is_in).map(|row| rows.row(row)).collect();
        let mut buckets = Vec::new();
        halve(&mut passed, HALVINGS, &mut buckets);
        self.state.lock().add(buckets, self.wanted);
        match passes {
            Some(passes) => Ok(filter_record_batch(&batch, &passes)?),
            None => Ok(batch),
        }
    }
}

/// Parts of `rows`, each with its last.
fn halve(rows: &mut [Row<'_>], times: u32, buckets: &mut Vec<Bucket>) {
    if times > 0 && rows.len() > 1 {
        let middle = rows.len() / 2;
        rows.select_nth_unstable(middle);
        let (first, second) = rows.split_at_mut(middle);
        halve(first, times - 1, buckets);
        halve(second, times - 1, buckets);
    } else if let Some(last) = rows.iter().max() {
        buckets.push(Bucket { bound: last.owned(), rows: rows.len() as u64 });
    }
}

impl Bucket {
    fn bytes(&self) -> usize {
        self.bound.row().as_ref().len()
    }
}

impl State {
    fn add(&mut self, buckets: Vec<Bucket>, wanted: u64) {
        self.waiting += buckets.len();
        self.bytes += buckets.iter().map(Bucket::bytes).sum::<usize>();
        self.buckets.extend(buckets);
        if self.waiting >= WAITING || self.bytes > BYTES {
            self.waiting = 0;
            self.buckets.sort_unstable_by(|a, b| a.bound.cmp(&b.bound));
            self.tighten(wanted);
            self.bytes = self.buckets.iter().map(Bucket::bytes).sum();
            while self.buckets.len() > BUCKETS || (self.bytes > BYTES / 2 && self.buckets.len() > 1) {
                self.join_neighbours();
            }
        }
    }

    /// Finds the first bound that enough rows come before. What is behind it does not matter any more.
    fn tighten(&mut self, wanted: u64) {
        let mut before = 0;
        let enough = self.buckets.iter().position(|bucket| {
            before += bucket.rows;
            before >= wanted
        });
        if let Some(enough) = enough {
            self.buckets.truncate(enough + 1);
            self.cutoff = self.buckets.last().map(|last| last.bound.clone());
        }
    }

    fn join_neighbours(&mut self) {
        let mut first = 0;
        self.buckets = std::mem::take(&mut self.buckets)
            .into_iter()
            .enumerate()
            .filter_map(|(place, mut bucket)| {
                bucket.rows += std::mem::take(&mut first);
                if place % 2 == 0 {
                    first = bucket.rows;
                    return None;
                }
                Some(bucket)
            })
            .collect();
        self.bytes = self.buckets.iter().map(Bucket::bytes).sum();
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
                check(&mixed, options, 3_000);
                check(&one, options, 20_000);
                // The last rows of all come first: each of them passes.
                check(&rising, options, if descending { 20_000 } else { 1_000 });
            }
        }
    }
    /// Bounds of 100 kB each, four thousand of them, were 400 MB that nobody had reserved.
    #[test]
    fn long_keys_are_few_and_leave_rows_out_still() {
        use datafusion::arrow::array::StringArray;
        let texts = |range: std::ops::Range<i64>| {
            let text = |n| format!("{}{:05}", "x".repeat(400), n * 7919 % 20_011);
            let texts: ArrayRef = Arc::new(range.map(|n| Some(text(n))).collect::<StringArray>());
            RecordBatch::try_from_iter_with_nullable([("v", texts, true)]).unwrap()
        };
        let cutoff = cutoff(texts(0..1).schema_ref(), SortOptions::default(), 100);
        let mut passed = 0;
        for first in (0..20_000).step_by(50) {
            passed += cutoff.filter(texts(first..first + 50)).unwrap().num_rows();
            let state = cutoff.state.lock();
            assert!(state.bytes <= BYTES && state.bytes == state.buckets.iter().map(Bucket::bytes).sum::<usize>());
        }
        assert!((100..10_000).contains(&passed), "{passed} of 20,000 rows passed");
    }
}
