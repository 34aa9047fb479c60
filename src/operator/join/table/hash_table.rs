//! The held rows, by the hash of their keys.

use std::sync::Arc;

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::physical_plan::PhysicalExpr;

use super::keys::{HashedKeys, KeyReader, Keys};
use super::passing::{Pairs, Walk};
use super::table_join::Table;
use crate::error::Error;
use crate::operator::spill::Side;

/// Places of rows have 32 bits, and there are up to twice as many buckets.
const MOST_ROWS: usize = 1 << 30;

/// Rows in the order of their buckets, of which there are as many as rows, or up to twice as many.
///
/// ```text
/// starts   0    2 2    3      5      rows whose key is NULL stand behind the last bucket: nobody finds them
///          ▼    ▼ ▼    ▼      ▼
/// rows     a b  │ │ c  │ d e  │ n
/// ```
///
/// Rows with one key follow one another, in the order they came: all partners of a row are read in one go. The layout
/// is that of the compact tables in Balkesen et al., "Main-Memory Hash Joins on Multi-Core CPUs" (ICDE 2013).
pub(in crate::operator::join) struct HashTable {
    rows: RecordBatch,
    reader: KeyReader,
    keys: Keys,
    /// The keys of the streamed side.
    streamed: Vec<Arc<dyn PhysicalExpr>>,
    starts: Vec<u32>,
    shift: u32,
}

impl HashTable {
    /// A table of `batches` of the side `held`. They are there twice while it is made; see
    /// [`Footprint`](crate::operator::spill::Footprint).
    pub(in crate::operator::join) fn new(held: &Side, streamed: Side, batches: Vec<RecordBatch>) -> Result<Self> {
        let reader = KeyReader::new(&held.keys, &held.schema, held.nulls)?;
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if count > MOST_ROWS {
            return Err(Error::memory(format!("a join cannot hold {count} rows of one partition")).into());
        }
        let bits = count.max(2).next_power_of_two().ilog2();
        let shift = u64::BITS - bits;
        let mut buckets = Vec::with_capacity(count);
        for batch in &batches {
            let (hashes, matchable) = reader.hashes(&held.keys, batch)?;
            let valid = |row| matchable.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let bucket = |(row, hash): (usize, u64)| if valid(row) { (hash >> shift) as u32 } else { 1 << bits };
            buckets.extend(hashes.into_iter().enumerate().map(bucket));
        }
        let (starts, order) = by_bucket(&buckets, (1 << bits) + 1);
        drop(buckets);
        let all = concat_batches(&held.schema, &batches)?;
        drop(batches);
        let rows = if all.num_columns() == 0 { all.clone() } else { take_record_batch(&all, &order)? };
        drop((all, order));
        let keys = reader.keys(&held.keys, &rows)?;
        Ok(Self { rows, reader, keys, streamed: streamed.keys, starts, shift })
    }

    /// The rows that keys of this hash can be equal to.
    fn bucket(&self, hash: u64) -> (u32, u32) {
        let bucket = (hash >> self.shift) as usize;
        (self.starts[bucket], self.starts[bucket + 1])
    }
}

/// The keys of a streamed batch, and the buckets that their partners are in.
pub(in crate::operator::join) struct Sought {
    keys: Keys,
    buckets: Vec<(u32, u32)>,
}

impl Table for HashTable {
    type Sought = Sought;

    fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    fn bytes(&self) -> usize {
        get_record_batch_memory_size(&self.rows) + self.keys.bytes() + size_of_val(self.starts.as_slice())
    }

    fn seek(&self, streamed: &RecordBatch) -> Result<Sought> {
        let HashedKeys { keys, hashes, matchable } = self.reader.hashed(&self.streamed, streamed)?;
        let valid = |row| matchable.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let bucket = |(row, hash): (usize, &u64)| if valid(row) { self.bucket(*hash) } else { (0, 0) };
        // All of them before any key is compared: the processor waits for many at once.
        Ok(Sought { keys, buckets: hashes.iter().enumerate().map(bucket).collect() })
    }

    fn next(&self, sought: &Sought, walk: &mut Walk) -> Pairs {
        let buckets = &sought.buckets;
        match (&self.keys, &sought.keys) {
            (Keys::Narrow(held), Keys::Narrow(keys)) => {
                walk.next(usize::MAX, by_key(buckets, |at, row| held[at] == keys[row]))
            }
            (Keys::Wide(held), Keys::Wide(keys)) => {
                walk.next(usize::MAX, by_key(buckets, |at, row| held[at] == keys[row]))
            }
            (Keys::Bytes(held), Keys::Bytes(keys)) => {
                walk.next(usize::MAX, by_key(buckets, |at, row| held.row(at) == keys.row(row)))
            }
            // One reader has read both.
            _ => walk.next(usize::MAX, |_, _| None),
        }
    }
}

/// The first held row from `at` on whose key is that of the streamed `row`.
fn by_key(buckets: &[(u32, u32)], equal: impl Fn(usize, usize) -> bool) -> impl Fn(usize, u32) -> Option<u32> {
    move |row, at| {
        let (start, end) = buckets[row];
        (at.max(start)..end).find(|at| equal(*at as usize, row))
    }
}

/// Where each bucket begins, and which rows are in it: a counting sort from the last row to the first.
fn by_bucket(buckets: &[u32], count: usize) -> (Vec<u32>, UInt32Array) {
    let mut starts = vec![0u32; count + 1];
    buckets.iter().for_each(|bucket| starts[*bucket as usize] += 1);
    let mut end = 0;
    for start in &mut starts {
        end += *start;
        *start = end;
    }
    let mut order = vec![0; buckets.len()];
    for (row, bucket) in buckets.iter().enumerate().rev() {
        let start = &mut starts[*bucket as usize];
        *start -= 1;
        order[*start as usize] = row as u32;
    }
    (starts, order.into())
}
