//! A batch of the streamed side on its way past the table.

use datafusion::arrow::array::{AsArray, BooleanArray, UInt32Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::filter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use super::hash_table::HashTable;
use super::keys::{HashedKeys, Keys};

/// Rows that belong together: the same place of both has a held row and a streamed one.
pub(super) struct Pairs {
    pub(super) held: UInt32Array,
    pub(super) streamed: UInt32Array,
}

impl Pairs {
    fn new(held: Vec<u32>, streamed: Vec<u32>) -> Self {
        Self { held: held.into(), streamed: streamed.into() }
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Those for which `mask` is true.
    pub(super) fn only(&self, mask: &BooleanArray) -> Result<Self> {
        let (held, streamed) = (filter(&self.held, mask)?, filter(&self.streamed, mask)?);
        Ok(Self { held: held.as_primitive().clone(), streamed: streamed.as_primitive().clone() })
    }
}

/// A batch, and how far its partners have been found.
pub(in crate::operator::join) struct Passing {
    pub(super) batch: RecordBatch,
    keys: Keys,
    buckets: Vec<(u32, u32)>,
    row: usize,
    /// Where to go on in the bucket of `row`; 0 for its beginning.
    at: u32,
    met: Vec<bool>,
    kept: (Vec<u32>, Vec<u32>),
}

impl Passing {
    pub(super) fn new(batch: RecordBatch, keys: HashedKeys, table: &HashTable) -> Self {
        let valid = |row| keys.matchable.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let bucket = |(row, hash): (usize, &u64)| if valid(row) { table.bucket(*hash) } else { (0, 0) };
        // All of them before any key is compared: the processor waits for many at once.
        let buckets = keys.hashes.iter().enumerate().map(bucket).collect();
        let met = vec![false; batch.num_rows()];
        Self { batch, keys: keys.keys, buckets, row: 0, at: 0, met, kept: Default::default() }
    }

    pub(super) fn has_more(&self) -> bool {
        self.row < self.buckets.len()
    }

    /// The next pairs of rows with equal keys, `limit` at most; of each streamed row the first alone where `first` says
    /// so.
    pub(super) fn next(&mut self, table: &HashTable, limit: usize, first: bool) -> Pairs {
        let keys = std::mem::replace(&mut self.keys, Keys::Narrow(Vec::new()));
        let pairs = match (table.keys(), &keys) {
            (Keys::Narrow(held), Keys::Narrow(keys)) => self.walk(limit, first, |at, row| held[at] == keys[row]),
            (Keys::Wide(held), Keys::Wide(keys)) => self.walk(limit, first, |at, row| held[at] == keys[row]),
            (Keys::Bytes(held), Keys::Bytes(keys)) => self.walk(limit, first, |at, row| held.row(at) == keys.row(row)),
            // One reader has read both.
            _ => self.walk(limit, first, |_, _| false),
        };
        self.keys = keys;
        pairs
    }

    fn walk(&mut self, limit: usize, first: bool, equal: impl Fn(usize, usize) -> bool) -> Pairs {
        let (mut held, mut streamed) = (Vec::with_capacity(limit), Vec::with_capacity(limit));
        while self.row < self.buckets.len() && held.len() < limit {
            let (start, end) = self.buckets[self.row];
            let mut at = self.at.max(start);
            while at < end && held.len() < limit {
                if equal(at as usize, self.row) {
                    held.push(at);
                    streamed.push(self.row as u32);
                    at = if first { end } else { at + 1 };
                } else {
                    at += 1;
                }
            }
            self.at = if at < end { at } else { 0 };
            self.row += usize::from(at >= end);
        }
        Pairs::new(held, streamed)
    }

    /// Notes that the streamed rows of `pairs` have met somebody.
    pub(super) fn note(&mut self, pairs: &Pairs) {
        pairs.streamed.values().iter().for_each(|row| self.met[*row as usize] = true);
    }

    pub(super) fn met(&self) -> BooleanBuffer {
        BooleanBuffer::from(self.met.as_slice())
    }

    /// Keeps pairs until there are enough to make rows of.
    pub(super) fn keep(&mut self, pairs: &Pairs) {
        self.kept.0.extend_from_slice(pairs.held.values());
        self.kept.1.extend_from_slice(pairs.streamed.values());
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.0.len()
    }

    pub(super) fn take_kept(&mut self) -> Pairs {
        let (held, streamed) = std::mem::take(&mut self.kept);
        Pairs::new(held, streamed)
    }
}
