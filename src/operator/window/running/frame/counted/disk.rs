//! Counts that do not fit the budget, by way of the disk.
//!
//! ```text
//! what happens:                       by hash of the value:
//! row 0: a enters                     ┌─► part 0   0: a enters  2: a leaves  ─► counts ─► 0: one more   2: one less ─┐
//! row 1: b enters                   ──┤                                                                              ├─►
//! row 2: b enters, a leaves           └─► part 1   1: b enters  2: b enters  ─► counts ─► 1: one more              ──┘
//!                                          └─ does not fit ─► parts again, by another seed
//! ```
//!
//! Each part tells what the value of the function needs to know of it, and when; news of all parts come together in the
//! order of the rows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::{Result, ScalarValue};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::changes::{Change, WAITING_BYTES, Waiting};
use super::counts::Counts;
use super::tally::Tally;
use crate::operator::spill::{DEEPEST, Segment, Spool, partition_of};
use crate::operator::window::running::log::Room;

/// Values are split in so many parts.
const PARTS: usize = if cfg!(test) { 4 } else { 32 };

/// So many rows are written at once, for each part.
const ROWS: usize = if cfg!(test) { 64 } else { 1024 };

/// What one level holds: changes that wait to be split, with their copy, and what is told of them.
const BUFFERS: usize = 3 * WAITING_BYTES;

const SEED: u64 = 0x434F_554E_5445_4421;

/// Values that come and go from the time on that their counts did not fit.
pub(super) struct Disk {
    room: Room,
    parts: Parts,
    asked: usize,
    /// Rows whose frame was empty while values were in, between frames that were not: they follow one another.
    of_none: Range<usize>,
}

impl Disk {
    pub(super) fn new(room: &Room) -> Result<Self> {
        Ok(Self { room: room.clone(), parts: Parts::new(room, 0)?, asked: 0, of_none: 0..0 })
    }

    /// A value is there so many times more, or less.
    pub(super) fn push(&mut self, value: ScalarValue, by: i64) -> Result<()> {
        self.parts.push(Change { when: self.asked, number: by, value })
    }

    /// The next row has the value of what is there now, or of no rows.
    pub(super) fn ask(&mut self, of_none: bool) {
        if of_none {
            let start = if self.of_none.is_empty() { self.asked } else { self.of_none.start };
            self.of_none = start..self.asked + 1;
        }
        self.asked += 1;
    }

    /// Which rows have that of no rows.
    pub(super) fn of_none(&self) -> Range<usize> {
        self.of_none.clone()
    }

    /// How many rows have.
    pub(super) fn asked(&self) -> usize {
        self.asked
    }

    /// What it holds.
    pub(super) fn bytes(&self) -> usize {
        BUFFERS
    }

    /// All that happened, as `whole` has to know it.
    pub(super) async fn finish(self, whole: &dyn Tally) -> Result<Merge> {
        news_of_parts(&self.room, self.parts, whole, 1).await
    }
}

/// News of all parts, in the order of the rows.
async fn news_of_parts(room: &Room, parts: Parts, whole: &dyn Tally, level: usize) -> Result<Merge> {
    let mut readers = Vec::with_capacity(PARTS);
    for part in parts.finish()? {
        readers.push(news(room, part, whole.of_part(), level).await?);
    }
    Merge::new(readers)
}

/// News of one part, which is split where its counts do not fit.
async fn news(room: &Room, part: Vec<Segment>, mut tally: Box<dyn Tally>, level: usize) -> Result<Reader> {
    let (mut counts, mut held) = (Counts::default(), room.budget.insist(0));
    let mut told = News::new(room)?;
    for segment in &part {
        let rows = segment.read()?;
        for row in 0..rows.num_rows() {
            let Change { when, number, value } = Change::read(&rows, row)?;
            let (before, after) = counts.change(&value, number)?;
            tally.change(&value, before, after)?;
            told.push(when, tally.as_mut())?;
        }
        let bytes = counts.bytes() + tally.bytes();
        if !held.ask(bytes) {
            if level < DEEPEST {
                drop((counts, held, told));
                return split(room.clone(), part, tally.of_part(), level).await;
            }
            // Those that are left over after so many times have one hash: they are few, or the limit is.
            held.set(bytes)?;
        }
        tokio::task::coop::consume_budget().await;
    }
    told.finish()
}

/// News of a part that does not fit.
fn split(
    room: Room,
    part: Vec<Segment>,
    mut tally: Box<dyn Tally>,
    level: usize,
) -> BoxFuture<'static, Result<Reader>> {
    async move {
        let _buffers = room.budget.insist(BUFFERS);
        let mut parts = Parts::new(&room, level as u64)?;
        for segment in part {
            let rows = segment.read()?;
            (0..rows.num_rows()).try_for_each(|row| parts.push(Change::read(&rows, row)?))?;
            tokio::task::coop::consume_budget().await;
        }
        let mut merge = news_of_parts(&room, parts, tally.as_ref(), level + 1).await?;
        let mut news = News::new(&room)?;
        while let Some((part, change)) = merge.next()? {
            let when = change.when;
            tally.merge(part, change)?;
            news.push(when, tally.as_mut())?;
        }
        news.finish()
    }
    .boxed()
}

/// Values by their hash, as one level looks at it.
struct Parts {
    spools: Vec<Spool>,
    hash: RandomState,
    waiting: Waiting,
}

impl Parts {
    fn new(room: &Room, level: u64) -> Result<Self> {
        let spools = (0..PARTS).map(|_| Spool::create(&room.context, &room.figures)).collect::<Result<_>>()?;
        Ok(Self { spools, hash: RandomState::with_seed(SEED + level), waiting: Waiting::default() })
    }

    fn push(&mut self, change: Change) -> Result<()> {
        self.waiting.push(change);
        if self.waiting.is_full(PARTS * ROWS) { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let rows = self.waiting.take()?;
        let mut hashes = vec![0; rows.num_rows()];
        create_hashes(&rows.columns()[2..], &self.hash, &mut hashes)?;
        let mut places = vec![Vec::new(); PARTS];
        for (row, hash) in hashes.into_iter().enumerate() {
            places[partition_of(hash, PARTS)].push(row as u32);
        }
        for (spool, places) in self.spools.iter_mut().zip(places) {
            spool.push(&take_record_batch(&rows, &UInt32Array::from(places))?)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Vec<Segment>>> {
        if !self.waiting.is_empty() {
            self.write()?;
        }
        Ok(self.spools.iter_mut().map(Spool::take).collect())
    }
}

/// News of a part, in the order of the rows.
struct News {
    spool: Spool,
    waiting: Waiting,
}

impl News {
    fn new(room: &Room) -> Result<Self> {
        Ok(Self { spool: Spool::create(&room.context, &room.figures)?, waiting: Waiting::default() })
    }

    /// What `tally` has to tell, if anything, from the row `when` on.
    fn push(&mut self, when: usize, tally: &mut dyn Tally) -> Result<()> {
        let Some((number, value)) = tally.news() else { return Ok(()) };
        self.waiting.push(Change { when, number, value });
        if self.waiting.is_full(ROWS) { self.spool.push(&self.waiting.take()?) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<Reader> {
        if !self.waiting.is_empty() {
            self.spool.push(&self.waiting.take()?)?;
        }
        Ok(Reader { segments: self.spool.take().into_iter(), rows: None, next: 0 })
    }
}

/// Reads changes in their order.
struct Reader {
    segments: std::vec::IntoIter<Segment>,
    rows: Option<RecordBatch>,
    next: usize,
}

impl Reader {
    fn next(&mut self) -> Result<Option<Change>> {
        if self.rows.as_ref().is_none_or(|rows| rows.num_rows() == self.next) {
            let Some(segment) = self.segments.next() else { return Ok(None) };
            (self.rows, self.next) = (Some(segment.read()?), 0);
        }
        self.next += 1;
        self.rows.as_ref().map(|rows| Change::read(rows, self.next - 1)).transpose()
    }
}

/// The changes of several parts, in the order of the rows.
pub(super) struct Merge {
    readers: Vec<Reader>,
    /// The next one of each part.
    next: Vec<Option<Change>>,
    /// When it is, and the part.
    order: BinaryHeap<Reverse<(usize, usize)>>,
}

impl Merge {
    fn new(readers: Vec<Reader>) -> Result<Self> {
        let next = readers.iter().map(|_| None).collect();
        let mut merge = Self { readers, next, order: BinaryHeap::new() };
        (0..merge.readers.len()).try_for_each(|part| merge.read(part))?;
        Ok(merge)
    }

    fn read(&mut self, part: usize) -> Result<()> {
        self.next[part] = self.readers[part].next()?;
        self.order.extend(self.next[part].as_ref().map(|change| Reverse((change.when, part))));
        Ok(())
    }

    /// The next change, and the part that it is of.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Change)>> {
        let Some(Reverse((_, part))) = self.order.pop() else { return Ok(None) };
        let change = self.next[part].take();
        self.read(part)?;
        Ok(change.map(|change| (part, change)))
    }
}
