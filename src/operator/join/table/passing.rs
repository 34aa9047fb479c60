//! A batch of the streamed side on its way past the table.

use datafusion::arrow::array::{AsArray, BooleanArray, UInt32Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::filter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;

/// Rows that belong together: the same place of both has a held row and a streamed one.
pub(in crate::operator::join) struct Pairs {
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

/// How far the partners of a batch have been found.
pub(in crate::operator::join) struct Walk {
    row: usize,
    rows: usize,
    /// Where to go on among the held rows for `row`; 0 for the beginning.
    at: u32,
    /// How many pairs are wanted at once.
    limit: usize,
    /// Whether a streamed row has no use for a second partner.
    first: bool,
}

impl Walk {
    /// The next pairs, of no more than `rows` streamed rows; `find` gives the first partner of a streamed row from a
    /// held row on.
    pub(in crate::operator::join) fn next(&mut self, rows: usize, find: impl Fn(usize, u32) -> Option<u32>) -> Pairs {
        let (mut held, mut streamed) = (Vec::with_capacity(self.limit), Vec::with_capacity(self.limit));
        let last = self.rows.min(self.row.saturating_add(rows));
        while self.row < last && held.len() < self.limit {
            let found = find(self.row, self.at);
            if let Some(at) = found {
                held.push(at);
                streamed.push(self.row as u32);
                self.at = at + 1;
            }
            if found.is_none() || self.first {
                self.row += 1;
                self.at = 0;
            }
        }
        Pairs::new(held, streamed)
    }

    /// Leaves the rest out.
    pub(super) fn end(&mut self) {
        self.row = self.rows;
    }
}

/// A batch, and what has been found of it.
pub(in crate::operator::join) struct Passing<S> {
    pub(super) batch: RecordBatch,
    pub(super) sought: S,
    pub(super) walk: Walk,
    met: Vec<bool>,
    kept: (Vec<u32>, Vec<u32>),
}

impl<S> Passing<S> {
    pub(super) fn new(batch: RecordBatch, sought: S) -> Self {
        let rows = batch.num_rows();
        let walk = Walk { row: 0, rows, at: 0, limit: 0, first: false };
        Self { batch, sought, walk, met: vec![false; rows], kept: Default::default() }
    }

    pub(super) fn has_more(&self) -> bool {
        self.walk.row < self.walk.rows
    }

    /// How the next pairs are looked for: `limit` at most; of each streamed row the first alone where `first` says so.
    pub(super) fn want(&mut self, limit: usize, first: bool) {
        (self.walk.limit, self.walk.first) = (limit, first);
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
