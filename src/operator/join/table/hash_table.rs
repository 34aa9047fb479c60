//! The held rows, by the hash of their keys.

use std::sync::Arc;

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::physical_plan::PhysicalExpr;

use super::keys::{KeyReader, Keys};
use crate::error::Error;

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
pub(super) struct HashTable {
    rows: RecordBatch,
    keys: Keys,
    starts: Vec<u32>,
    shift: u32,
}

impl HashTable {
    /// A table of `batches`, whose keys `keys` give.
    pub(super) fn new(
        reader: &KeyReader,
        keys: &[Arc<dyn PhysicalExpr>],
        schema: &SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<Self> {
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if count > MOST_ROWS {
            return Err(Error::memory(format!("a join cannot hold {count} rows of one partition")).into());
        }
        let bits = count.max(2).next_power_of_two().ilog2();
        let shift = u64::BITS - bits;
        let mut buckets = Vec::with_capacity(count);
        for batch in &batches {
            let (hashes, matchable) = reader.hashes(keys, batch)?;
            let valid = |row| matchable.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let bucket = |(row, hash): (usize, u64)| if valid(row) { (hash >> shift) as u32 } else { 1 << bits };
            buckets.extend(hashes.into_iter().enumerate().map(bucket));
        }
        let (starts, order) = by_bucket(&buckets, (1 << bits) + 1);
        drop(buckets);
        let all = concat_batches(schema, &batches)?;
        drop(batches);
        let rows = if all.num_columns() == 0 { all.clone() } else { take_record_batch(&all, &order)? };
        drop((all, order));
        Ok(Self { keys: reader.keys(keys, &rows)?, rows, starts, shift })
    }

    pub(super) fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The rows that keys of this hash can be equal to.
    pub(super) fn bucket(&self, hash: u64) -> (u32, u32) {
        let bucket = (hash >> self.shift) as usize;
        (self.starts[bucket], self.starts[bucket + 1])
    }

    /// The bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        get_record_batch_memory_size(&self.rows) + self.keys.bytes() + size_of_val(self.starts.as_slice())
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
