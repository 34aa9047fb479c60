//! Bounds that are those of peers.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, UInt64Array};
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::common::Result;

use super::super::log::{Cursor, Log, Room};
use super::super::parts::Parts;
use super::bounds::Rows;
use crate::operator::spill::unnamed;

/// Groups of peers, numbered from 0 on over all partitions, and the one of the row at hand.
///
/// ```text
/// rows          a a a b b c d d d              the group of a row, and of the next: 2, 3
/// starts        0     3   5 6                  GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW: starts[1] .. starts[3]
/// ```
pub(super) struct Groups {
    /// The number of the first row of each.
    starts: Log,
    current: usize,
    next: Cursor,
    /// The first group of the partition.
    first: usize,
}

impl Groups {
    pub(super) fn new(room: &Room) -> Self {
        Self { starts: Log::new(room), current: 0, next: Cursor::at(1), first: 0 }
    }

    /// The next rows of the input are there, behind `before` others.
    pub(super) fn arrive(&mut self, parts: &Parts, before: usize) -> Result<()> {
        let starting = parts.peers.iter().filter(|part| part.starts_peers);
        let starts = UInt64Array::from_iter_values(starting.map(|part| (before + part.rows.start) as u64));
        let groups = starts.len();
        self.starts.push(unnamed(vec![Arc::new(starts)], groups)?)
    }

    /// A partition begins.
    pub(super) fn begin(&mut self, row: usize) -> Result<()> {
        self.seek(row)?;
        self.first = self.current;
        Ok(())
    }

    /// Goes on to the group of `row`.
    pub(super) fn seek(&mut self, row: usize) -> Result<()> {
        while start(&self.starts, &mut self.next)?.is_some_and(|start| start <= row) {
            self.current = self.next.row;
            self.next.row += 1;
        }
        Ok(())
    }

    /// Where the group begins that is `by` groups on, or the one `after` it.
    pub(super) fn edge(&self, by: isize, after: usize, cursor: &mut Cursor, rows: Rows) -> Result<Option<usize>> {
        let group = match by < 0 {
            true => (self.current + after).saturating_sub(by.unsigned_abs()),
            false => (self.current + after).saturating_add(by.unsigned_abs()),
        };
        cursor.row = group.max(self.first).min(self.starts.end());
        let start = start(&self.starts, cursor)?;
        // Those of the next partition may be there already.
        Ok(rows.bound(start))
    }

    /// Groups before both this one and that of the row at hand are not wanted any more.
    pub(super) fn forget(&mut self, group: Option<usize>) {
        self.starts.forget(group.map_or(self.next.row, |group| group.min(self.next.row)).min(self.starts.end()));
    }
}

/// The number of the first row of a group; none where it is not there yet.
fn start(starts: &Log, group: &mut Cursor) -> Result<Option<usize>> {
    let Some((batch, place)) = group.load(starts)? else { return Ok(None) };
    Ok(Some(batch.column(0).as_primitive::<UInt64Type>().value(place) as usize))
}
