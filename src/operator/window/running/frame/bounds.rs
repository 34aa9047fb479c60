//! Where the frame of a row begins and ends.

use std::ops::Range;
use std::sync::Arc;

use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{WindowFrame, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::WindowExpr;

use super::super::log::{Cursor, Room};
use super::super::parts::Parts;
use super::distance::{Distance, Order};
use super::groups::Groups;
use super::unexpected;

/// A bound, seen from a row.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Bound {
    /// That of the partition.
    Open,
    /// So many rows on; back, where it is negative.
    Rows(isize),
    /// That of the peers so many groups of them on, or back.
    Groups(isize),
    /// That of the rows whose value is so far away.
    Values { by: ScalarValue, back: bool },
}

/// Both bounds of a frame.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Reach {
    pub(super) start: Bound,
    pub(super) end: Bound,
}

impl Reach {
    pub(super) fn new(frame: &WindowFrame) -> Result<Self> {
        let bound = |bound| Bound::new(bound, frame.units);
        Ok(Self { start: bound(&frame.start_bound)?, end: bound(&frame.end_bound)? })
    }
}

impl Bound {
    fn new(bound: &WindowFrameBound, units: WindowFrameUnits) -> Result<Self> {
        let (by, back) = match bound {
            bound if bound.is_unbounded() => return Ok(Self::Open),
            WindowFrameBound::CurrentRow if units == WindowFrameUnits::Rows => return Ok(Self::Rows(0)),
            WindowFrameBound::CurrentRow => return Ok(Self::Groups(0)),
            WindowFrameBound::Preceding(by) => (by, true),
            WindowFrameBound::Following(by) => (by, false),
        };
        let count = || match by {
            ScalarValue::UInt64(Some(by)) => {
                let by = isize::try_from(*by).unwrap_or(isize::MAX);
                Ok(if back { -by } else { by })
            }
            other => Err(unexpected(&format!("a bound of {other}"))),
        };
        Ok(match units {
            WindowFrameUnits::Rows => Self::Rows(count()?),
            WindowFrameUnits::Groups => Self::Groups(count()?),
            WindowFrameUnits::Range => Self::Values { by: by.clone(), back },
        })
    }
}

/// Which of the two bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Side {
    Start,
    End,
}

/// The rows of the partition that are there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) first: usize,
    pub(super) end: usize,
    /// Whether there are no more to come.
    pub(super) complete: bool,
}

impl Rows {
    /// The bound at `row`, or at the end of the partition, if that comes first; none while nobody knows.
    pub(super) fn bound(&self, row: Option<usize>) -> Option<usize> {
        match row.filter(|row| *row <= self.end) {
            Some(row) => Some(row.max(self.first)),
            None => self.complete.then_some(self.end),
        }
    }
}

/// A bound, and what is needed to find it.
enum Edge {
    Open,
    Rows(isize),
    Groups(isize, Cursor),
    Values(Distance),
}

impl Edge {
    fn new(bound: Bound, side: Side, backward: bool) -> Self {
        match bound {
            Bound::Open => Self::Open,
            Bound::Rows(by) => Self::Rows(by),
            Bound::Groups(by) => Self::Groups(by, Cursor::default()),
            Bound::Values { by, back } => Self::Values(Distance::new(by, back, side, backward)),
        }
    }
}

/// The bounds of the frames of rows that follow one another.
pub(super) struct Bounds {
    start: Edge,
    end: Edge,
    /// The first row of the partition.
    first: usize,
    groups: Option<Groups>,
    order: Option<Order>,
}

impl Bounds {
    pub(super) fn new(function: &Arc<dyn WindowExpr>, reach: Reach, room: &Room) -> Result<Self> {
        let any = |kind: fn(&Bound) -> bool| kind(&reach.start) || kind(&reach.end);
        let groups = any(|bound| matches!(bound, Bound::Groups(_))).then(|| Groups::new(room));
        let by_value = any(|bound| matches!(bound, Bound::Values { .. }));
        let order = by_value.then(|| Order::new(function, room)).transpose()?;
        let edge = |bound, side| Edge::new(bound, side, room.backward);
        let (start, end) = (edge(reach.start, Side::Start), edge(reach.end, Side::End));
        Ok(Self { start, end, first: 0, groups, order })
    }

    /// The next rows of the input are there, behind `before` others.
    pub(super) fn arrive(&mut self, parts: &Parts, before: usize) -> Result<()> {
        if let Some(groups) = &mut self.groups {
            groups.arrive(parts, before)?;
        }
        self.order.as_mut().map_or(Ok(()), |order| order.arrive(parts))
    }

    /// A partition begins.
    pub(super) fn begin(&mut self, row: usize) -> Result<()> {
        self.first = row;
        for edge in [&mut self.start, &mut self.end] {
            if let Edge::Values(distance) = edge {
                distance.begin(row);
            }
        }
        self.groups.as_mut().map_or(Ok(()), |groups| groups.begin(row))
    }

    /// The frame of a row, with the rows of the partition before `end`; none while it is not known.
    pub(super) fn of(&mut self, row: usize, end: usize, complete: bool) -> Result<Option<Range<usize>>> {
        let rows = Rows { first: self.first, end, complete };
        if let Some(groups) = &mut self.groups {
            groups.seek(row)?;
        }
        let end = self.edge(Side::End, row, rows)?;
        let start = match end {
            Some(_) => self.edge(Side::Start, row, rows)?,
            None => None,
        };
        self.forget(row);
        let is_empty = matches!(&self.end, Edge::Values(distance) if distance.is_before_all());
        // Bounds in the wrong order have no row between them.
        Ok(start.zip(end).map(|(start, end)| if is_empty { end..end } else { start.min(end)..end }))
    }

    fn edge(&mut self, side: Side, row: usize, rows: Rows) -> Result<Option<usize>> {
        let after = usize::from(side == Side::End);
        let edge = if side == Side::Start { &mut self.start } else { &mut self.end };
        match (edge, &self.groups, &mut self.order) {
            (Edge::Open, ..) if side == Side::Start => Ok(Some(rows.first)),
            (Edge::Open, ..) => Ok(rows.bound(None)),
            (Edge::Rows(by), ..) => Ok(rows.bound((row + after).checked_add_signed(*by).or((*by < 0).then_some(0)))),
            (Edge::Groups(by, cursor), Some(groups), _) => groups.edge(*by, after, cursor, rows),
            (Edge::Values(distance), _, Some(order)) => distance.edge(order, row, rows),
            _ => Err(unexpected("bounds of two kinds")),
        }
    }

    /// Lets go of what is before all that is looked at.
    fn forget(&mut self, row: usize) {
        let edges = [&self.start, &self.end];
        if let Some(groups) = &mut self.groups {
            let cursors = edges.iter().filter_map(|edge| match edge {
                Edge::Groups(_, cursor) => Some(cursor.row),
                _ => None,
            });
            groups.forget(cursors.min());
        }
        if let Some(order) = &mut self.order {
            let cursors = edges.iter().filter_map(|edge| match edge {
                Edge::Values(distance) => Some(distance.row()),
                _ => None,
            });
            order.forget(cursors.fold(row, usize::min));
        }
    }
}
