//! Values on disk, and which rows are the first with theirs.
//!
//! ```text
//! each time the budget refuses:            at the end of the partition, one part after the other:
//! values seen, with their first rows ─┬─► part 0 ─► a a b … ─► the first row of each value ─► a bit for the row
//!                                     ├─► part 1    in the order they came
//!                                     └─► …         does not fit ─► parts again, by another seed
//! ```
//!
//! A part has all rows of its values, the first of each before the others. Marking the same row twice does no harm.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, UInt32Array, UInt64Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{SchemaRef, UInt64Type};
use datafusion::common::Result;
use datafusion::common::hash_utils::{RandomState, create_hashes};

use super::{BEFORE, Seen};
use crate::operator::spill::{DEEPEST, Segment, Spool, partition_of, unnamed};
use crate::operator::window::running::budget::Grant;
use crate::operator::window::running::log::Room;

/// Values are split in so many parts.
const PARTS: usize = if cfg!(test) { 4 } else { 32 };

const SEED: u64 = 0x4449_5354_494E_4354;

/// The rows of a partition from the first on whose value is not known in time.
pub(super) struct Disk {
    room: Room,
    schema: SchemaRef,
    parts: Parts,
    /// For each row whether it is no peer of the row before.
    starts: BooleanBufferBuilder,
    marks: Grant,
}

impl Disk {
    /// `pending` rows were there before, peers of one another, whose values are all known.
    pub(super) fn new(room: Room, schema: SchemaRef, pending: usize) -> Result<Self> {
        let mut starts = BooleanBufferBuilder::new(pending);
        starts.append_n(pending.min(1), true);
        starts.append_n(pending.saturating_sub(1), false);
        let (parts, marks) = (Parts::new(&room, 0)?, room.budget.insist(0));
        Ok(Self { room, schema, parts, starts, marks })
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.starts.len() as u64
    }

    pub(super) fn push_row(&mut self, starts_peers: bool) {
        self.starts.append(starts_peers);
    }

    /// Values that were seen since the last ones, each with the row that it was first seen in.
    pub(super) fn push_values(&mut self, values: &ArrayRef, rows: &[u64]) -> Result<()> {
        // A bit for each row now, and another in the end.
        self.marks.set(self.starts.len() / 4)?;
        self.parts.push(values, &UInt64Array::from(rows.to_vec()))
    }

    /// Finds the rows that are the first with their value.
    pub(super) fn finish(mut self) -> Result<Firsts> {
        let mut firsts = BooleanBufferBuilder::new(self.starts.len());
        firsts.append_n(self.starts.len(), false);
        for part in self.parts.take() {
            self.mark(part, 1, &mut firsts)?;
        }
        Ok(Firsts { starts: self.starts.finish(), firsts: firsts.finish(), _marks: self.marks })
    }

    fn mark(&self, part: Vec<Segment>, level: u64, firsts: &mut BooleanBufferBuilder) -> Result<()> {
        let mut seen = Seen::new(Arc::clone(&self.schema))?;
        for segment in &part {
            let batch = segment.read()?;
            let rows = batch.column(1).as_primitive::<UInt64Type>();
            let is_first = seen.add(batch.column(0), None)?;
            let marked = rows.values().iter().zip(is_first).filter(|(row, is_first)| *is_first && **row != BEFORE);
            marked.for_each(|(row, _)| firsts.set_bit(*row as usize, true));
            // Those that are left over after so many times have one hash: they are few, or the limit is.
            if seen.is_refused(&self.room) && level < DEEPEST as u64 {
                drop(seen);
                return self.mark_parts(&part, level, firsts);
            }
        }
        Ok(())
    }

    fn mark_parts(&self, part: &[Segment], level: u64, firsts: &mut BooleanBufferBuilder) -> Result<()> {
        let mut parts = Parts::new(&self.room, level)?;
        for segment in part {
            let batch = segment.read()?;
            parts.push(batch.column(0), batch.column(1).as_primitive())?;
        }
        parts.take().into_iter().try_for_each(|part| self.mark(part, level + 1, firsts))
    }
}

/// Values by their hash, as one level looks at it.
struct Parts {
    spools: Vec<Spool>,
    hash: RandomState,
}

impl Parts {
    fn new(room: &Room, level: u64) -> Result<Self> {
        let spools = (0..PARTS).map(|_| Spool::create(&room.context, &room.figures)).collect::<Result<_>>()?;
        Ok(Self { spools, hash: RandomState::with_seed(SEED + level) })
    }

    /// NULLs are left out: they do not count.
    fn push(&mut self, values: &ArrayRef, rows: &UInt64Array) -> Result<()> {
        let mut hashes = vec![0; values.len()];
        create_hashes(std::slice::from_ref(values), &self.hash, &mut hashes)?;
        let nulls = values.logical_nulls();
        let mut places = vec![Vec::new(); PARTS];
        for (row, hash) in hashes.into_iter().enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                places[partition_of(hash, PARTS)].push(row as u32);
            }
        }
        for (spool, places) in self.spools.iter_mut().zip(places) {
            let places = UInt32Array::from(places);
            let columns = vec![take(values, &places, None)?, take(rows, &places, None)?];
            spool.push(&unnamed(columns, places.len())?)?;
        }
        Ok(())
    }

    fn take(&mut self) -> Vec<Vec<Segment>> {
        self.spools.iter_mut().map(Spool::take).collect()
    }
}

/// The rows of a partition, and which of them are the first with their value.
pub(super) struct Firsts {
    starts: BooleanBuffer,
    firsts: BooleanBuffer,
    _marks: Grant,
}

impl Firsts {
    /// How many rows each group of peers has, and how many of them are first.
    pub(super) fn peers(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut starts =
            self.starts.set_indices().skip(usize::from(!self.starts.is_empty())).chain([self.starts.len()]);
        let mut row = 0;
        std::iter::from_fn(move || {
            let end = starts.next()?;
            let firsts = self.firsts.slice(row, end - row).count_set_bits();
            let rows = end - row;
            row = end;
            Some((rows, firsts))
        })
    }
}
