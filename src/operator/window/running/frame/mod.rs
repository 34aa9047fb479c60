//! Functions of any other frame: rows come in at its end, and go at its start.
//!
//! ```text
//!              start          row      end                 both only move forward
//! rows    a b c │ d e f g h i  j  k l m │ n o p
//!               └──── frame of row j ───┘   └ wait for it  (a log, of which the frame itself is no part: log.rs)
//!                 │
//!                 ├─ aggregates add rows as they come in, and take them away as they go        (aggregate.rs)
//!                 ├─ medians and quantiles keep numbers in their order, or what happens on disk   (ranked)
//!                 ├─ distinct aggregates and mode count the values, or write down what happens     (counted)
//!                 ├─ min, max keep the values that may be the least or greatest one still      (extreme.rs)
//!                 ├─ string_agg keeps one text                                                  (joined.rs)
//!                 ├─ others that rows cannot be taken from merge states of some rows each       (merged.rs)
//!                 └─ first_value and the like look at one row, lag and lead at a frame of one  (pick.rs)
//! ```
//!
//! Where the bounds are is found from numbers of rows, from where peers begin, or from values: `bounds`.

mod aggregate;
mod bounds;
mod counted;
mod distance;
mod extreme;
mod groups;
mod joined;
mod merged;
mod pick;
mod ranked;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::PhysicalExpr;

use self::aggregate::Aggregate;
pub(in crate::operator) use self::aggregate::aggregate_of;
use self::bounds::Bounds;
pub(super) use self::bounds::Reach;
use self::counted::{Counted, counted};
use self::extreme::Extreme;
use self::joined::Joined;
pub(in crate::operator::window) use self::joined::joins;
use self::merged::Merged;
use self::pick::Pick;
use self::ranked::ranked;
use super::log::{Cursor, Log, Room};
use super::parts::Parts;
use super::values::{Found, Function, Values};
use crate::error::Error;
use crate::operator::aggregate::quantile;
use crate::operator::spill::unnamed;

/// A function over the rows of its frame.
#[async_trait]
trait Framed: Send {
    /// A partition begins at that row, with an empty frame.
    fn begin(&mut self, row: usize) -> Result<()>;

    /// The next rows of the input are there.
    fn arrive(&mut self, _arguments: &[ArrayRef], _first: usize) -> Result<()> {
        Ok(())
    }

    /// The next rows, from the number `first` on, come into the frame.
    fn enter(&mut self, _arguments: &[ArrayRef], _first: usize) -> Result<()> {
        Ok(())
    }

    /// Whether it wants to see rows as they come into the frame.
    fn adds(&self) -> bool {
        false
    }

    /// The first rows go out of the frame.
    fn leave(&mut self, _arguments: &[ArrayRef]) -> Result<()> {
        Ok(())
    }

    /// Whether it wants to see rows as they go.
    fn takes_away(&self) -> bool {
        false
    }

    /// The value of a frame, whose rows are in. Both bounds are where they were the last time, or behind. Only an empty frame
    /// may lie anywhere: where no rows leave, those of frames before it are in still.
    ///
    /// None: it is known when the partition has ended, as those of all rows to come.
    fn value(&mut self, frame: &Range<usize>) -> Result<Option<ScalarValue>>;

    /// Adds the values that were not known at once: the partition has ended.
    async fn late_values(&mut self, _values: &mut Values) -> Result<()> {
        Ok(())
    }

    /// The bytes it holds, but for those in a log.
    fn bytes(&self) -> usize;
}

/// One function of a frame, with what it looks at.
pub(super) struct Member {
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    framed: Box<dyn Framed>,
    found: Found,
    /// Whether values are known when the partition has ended, from some row on.
    is_late: bool,
    /// The places of its arguments among the columns of rows that wait; none where it does not see them come.
    columns: Range<usize>,
}

impl Member {
    /// A function, and the bounds of its frame.
    pub(super) fn new(function: &Arc<dyn WindowExpr>, schema: &SchemaRef, room: &Room) -> Result<(Reach, Self)> {
        let mut arguments = function.expressions();
        let (reach, framed): (_, Box<dyn Framed>) = match function.as_any().downcast_ref::<StandardWindowExpr>() {
            Some(standard) => {
                arguments.truncate(1);
                let (reach, pick) = Pick::new(standard, room)?;
                (reach, Box::new(pick))
            }
            None => {
                let reach = Reach::new(function.get_window_frame())?;
                (reach, framed(function, schema, room)?)
            }
        };
        Ok((reach, Self { arguments, framed, found: Found::default(), is_late: false, columns: 0..0 }))
    }

    /// The value of the next row, whose frame is the one of the row before where it is the `same`.
    fn find(&mut self, frame: &Range<usize>, same: bool, values: &mut Values) -> Result<()> {
        if same && !self.is_late && self.found.again(values)? {
            return Ok(());
        }
        match self.framed.value(frame)? {
            Some(value) => self.found.push(value, 1, values),
            None => {
                self.is_late = true;
                Ok(())
            }
        }
    }

    /// A partition has ended: its last rows get their values.
    async fn settle(&mut self, values: &mut Values) -> Result<()> {
        self.found.out(values)?;
        if std::mem::take(&mut self.is_late) { self.framed.late_values(values).await } else { Ok(()) }
    }

    fn arguments(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.arguments.iter().map(|argument| argument.evaluate(batch)?.into_array(batch.num_rows())).collect()
    }
}

/// Functions that have their frame in common, and where they are.
pub(super) struct Frame {
    bounds: Bounds,
    members: Vec<Member>,
    /// The arguments of rows that come into the frame, or go, later.
    rows: Log,
    entering: Cursor,
    leaving: Cursor,
    takes_away: bool,
    /// Whether frames leave rows behind.
    moves: bool,
    /// The frame of the last row that has its values; none where no row of the partition has.
    last: Option<Range<usize>>,
    /// Rows of the input that are there, and that have their values.
    known: usize,
    done: usize,
}

impl Frame {
    /// `function` stands for all: they have their order in common.
    pub(super) fn new(function: &Arc<dyn WindowExpr>, reach: Reach, room: &Room) -> Result<Self> {
        Ok(Self {
            bounds: Bounds::new(function, reach, room)?,
            members: Vec::new(),
            rows: Log::new(room),
            entering: Cursor::default(),
            leaving: Cursor::default(),
            takes_away: false,
            moves: !function.get_window_frame().start_bound.is_unbounded(),
            last: None,
            known: 0,
            done: 0,
        })
    }

    /// One more function, before there are rows.
    pub(super) fn add(&mut self, mut member: Member) {
        let before = self.members.last().map_or(0, |last| last.columns.end);
        let columns = if member.framed.adds() { member.arguments.len() } else { 0 };
        member.columns = before..before + columns;
        self.takes_away |= member.framed.takes_away();
        self.members.push(member);
    }

    fn arrive(&mut self, parts: &Parts) -> Result<()> {
        let mut waiting = Vec::new();
        for member in &mut self.members {
            let arguments = member.arguments(&parts.batch)?;
            member.framed.arrive(&arguments, self.known)?;
            waiting.extend(arguments.into_iter().take(member.columns.len()));
        }
        if !waiting.is_empty() {
            self.rows.push(unnamed(waiting, parts.batch.num_rows())?)?;
        }
        self.bounds.arrive(parts, self.known)
    }

    fn begin(&mut self) -> Result<()> {
        self.last = None;
        (self.entering.row, self.leaving.row) = (self.known, self.known);
        self.bounds.begin(self.known)?;
        self.members.iter_mut().try_for_each(|member| member.framed.begin(self.known))
    }

    /// Finds the values of rows whose frame is known, with the rows of the partition before `known`.
    fn slide(&mut self, known: usize, complete: bool, values: &mut [Values]) -> Result<()> {
        self.known = known;
        while self.done < known
            && let Some(frame) = self.bounds.of(self.done, known, complete)?
        {
            self.find(frame, values)?;
            self.done += 1;
        }
        self.out(values)
    }

    /// The values of the next row.
    fn find(&mut self, frame: Range<usize>, values: &mut [Values]) -> Result<()> {
        // What is beyond the greatest value of the type begins with the partition, where NULLs may be that have left.
        let left = self.last.as_ref().filter(|_| self.moves).map_or(0, |last| last.start);
        let frame = frame.start.max(left)..frame.end.max(left);
        let same = self.last.as_ref() == Some(&frame);
        if !same {
            self.turn_to(&frame)?;
        }
        for (member, values) in self.members.iter_mut().zip(values) {
            member.find(&frame, same, values)?;
        }
        self.last = Some(frame);
        Ok(())
    }

    /// Lets rows in and out. Rows between two frames with an empty one between them are never in.
    fn turn_to(&mut self, frame: &Range<usize>) -> Result<()> {
        if frame.is_empty() {
            self.leave(self.entering.row)?;
            (self.entering.row, self.leaving.row) = (frame.end, frame.end);
        } else {
            if frame.start > self.entering.row {
                // The frame lies ahead of all rows so far: those in between are never in.
                self.leave(self.entering.row)?;
                (self.entering.row, self.leaving.row) = (frame.start, frame.start);
            }
            self.enter(frame.end)?;
            self.leave(frame.start)?;
        }
        let unwanted = if self.takes_away { self.leaving.row } else { self.entering.row };
        self.rows.forget(unwanted.min(self.rows.end()));
        Ok(())
    }

    fn enter(&mut self, until: usize) -> Result<()> {
        let mut first = self.entering.row;
        while let Some(rows) = self.entering.next(&self.rows, until)? {
            for member in self.members.iter_mut().filter(|member| member.framed.adds()) {
                member.framed.enter(&rows.columns()[member.columns.clone()], first)?;
            }
            first = self.entering.row;
        }
        self.entering.row = until;
        Ok(())
    }

    fn leave(&mut self, until: usize) -> Result<()> {
        while self.takes_away
            && let Some(rows) = self.leaving.next(&self.rows, until)?
        {
            for member in self.members.iter_mut().filter(|member| member.framed.takes_away()) {
                member.framed.leave(&rows.columns()[member.columns.clone()])?;
            }
        }
        self.leaving.row = until;
        Ok(())
    }

    /// The partition has ended.
    async fn settle(&mut self, values: &mut [Values]) -> Result<()> {
        self.slide(self.known, true, values)?;
        for (member, values) in self.members.iter_mut().zip(values) {
            member.settle(values).await?;
        }
        Ok(())
    }

    fn out(&mut self, values: &mut [Values]) -> Result<()> {
        self.members.iter_mut().zip(values).try_for_each(|(member, values)| member.found.out(values))
    }
}

#[async_trait]
impl Function for Frame {
    async fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()> {
        let before = self.known;
        self.arrive(parts)?;
        for part in parts.partitions.iter().filter(|part| part.starts_partition) {
            self.known = before + part.rows.start;
            self.settle(values).await?;
            self.begin()?;
        }
        self.slide(before + parts.batch.num_rows(), false, values)
    }

    async fn finish(&mut self, values: &mut [Values]) -> Result<()> {
        self.settle(values).await
    }

    fn bytes(&self) -> usize {
        self.members.iter().map(|member| member.framed.bytes()).sum()
    }
}

/// The way of an aggregate through its frames. `schema` is that of the rows.
fn framed(function: &Arc<dyn WindowExpr>, schema: &SchemaRef, room: &Room) -> Result<Box<dyn Framed>> {
    let aggregate = aggregate_of(function.as_ref()).ok_or_else(|| unexpected("no aggregate"))?;
    let takes_away = !function.get_window_frame().start_bound.is_unbounded();
    if let Some(ranked) = ranked(aggregate, takes_away, room)? {
        return Ok(ranked);
    }
    if let Some(counted) = Counted::new(aggregate, takes_away, schema, room)? {
        return Ok(Box::new(counted));
    }
    if let Some(extreme) = Extreme::new(function.as_ref(), room)? {
        return Ok(Box::new(extreme));
    }
    if let Some(joined) = Joined::new(aggregate, takes_away, room) {
        return Ok(Box::new(joined));
    }
    Ok(match Merged::new(aggregate, takes_away, room)? {
        Some(merged) => Box::new(merged),
        None => Box::new(Aggregate::new(function)?),
    })
}

/// Whether a function keeps the values of its frame, and can keep them on disk.
pub(in crate::operator::window) fn keeps_values(function: &dyn WindowExpr, schema: &SchemaRef) -> Result<bool> {
    let Some(aggregate) = aggregate_of(function) else { return Ok(false) };
    Ok(quantile(aggregate).is_some() || counted(aggregate, schema)?.is_some())
}

/// What no plan of the engine's has.
fn unexpected(what: &str) -> datafusion::common::DataFusionError {
    Error::internal(format!("a window frame with {what}")).into()
}
