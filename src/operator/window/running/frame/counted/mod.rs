//! What is made of the different values of a frame, and of how often each is there: `sum(DISTINCT value)` and the like,
//! and `mode(value)`.
//!
//! ```text
//! frame      a b a c          a: 2  b: 1  c: 1        different: 3   most frequent: a
//! b enters   a b a c b        a: 2  b: 2  c: 1        different: 3   a, the smaller one of two
//! a leaves     b a c b        a: 1  b: 2  c: 1        different: 3   b
//! ```
//!
//! The counts are kept in memory; when the budget refuses them, they go to disk with what happens from there on, and the
//! rows have their values when the partition has ended: `disk`.

mod changes;
mod counts;
mod disk;
mod tally;

use std::ops::Range;

use async_trait::async_trait;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use self::counts::Counts;
use self::disk::Disk;
pub(super) use self::tally::counted;
use self::tally::{Kind, Tally, tally, without_distinct};
use super::Framed;
use crate::operator::window::running::budget::Grant;
use crate::operator::window::running::log::Room;
use crate::operator::window::running::values::{Found, Values};

/// One such function, and where it is.
pub(super) struct Counted {
    kind: Kind,
    of_each: AggregateFunctionExpr,
    takes_away: bool,
    room: Room,
    counts: Counts,
    tally: Box<dyn Tally>,
    /// The value of no rows.
    none: ScalarValue,
    held: Grant,
    disk: Option<Disk>,
}

impl Counted {
    /// None for any other function. `schema` is that of the rows.
    pub(super) fn new(
        aggregate: &AggregateFunctionExpr,
        takes_away: bool,
        schema: &SchemaRef,
        room: &Room,
    ) -> Result<Option<Self>> {
        let Some(kind) = counted(aggregate, schema)? else { return Ok(None) };
        let of_each = without_distinct(aggregate, schema)?;
        let tally = tally(&kind, &of_each, takes_away)?;
        Ok(Some(Self {
            kind,
            of_each,
            takes_away,
            room: room.clone(),
            counts: Counts::default(),
            tally,
            none: aggregate.default_value(aggregate.field().data_type())?,
            held: room.budget.insist(0),
            disk: None,
        }))
    }

    /// No value is there.
    fn restart(&mut self) -> Result<()> {
        self.counts = Counts::default();
        self.tally = tally(&self.kind, &self.of_each, self.takes_away)?;
        self.held.set(0)
    }

    /// Each of the values is there once more, or once less.
    fn change(&mut self, arguments: &[ArrayRef], by: i64) -> Result<()> {
        let Some(values) = arguments.first() else { return Ok(()) };
        let nulls = values.logical_nulls();
        for row in (0..values.len()).filter(|row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row))) {
            let value = ScalarValue::try_from_array(values, row)?;
            if let Some(disk) = &mut self.disk {
                disk.push(value, by)?;
                continue;
            }
            let (before, after) = self.counts.change(&value, by)?;
            self.tally.change(&value, before, after)?;
        }
        Ok(())
    }

    /// The value for some rows, but for those `of_none`.
    fn push(&mut self, rows: Range<usize>, of_none: &Range<usize>, found: &mut Found, to: &mut Values) -> Result<()> {
        let start = of_none.start.clamp(rows.start, rows.end);
        let end = of_none.end.clamp(start, rows.end);
        let value = self.tally.value()?;
        for (value, rows) in [(&value, start - rows.start), (&self.none, end - start), (&value, rows.end - end)] {
            if rows > 0 {
                found.push(value.clone(), rows, to)?;
            }
        }
        Ok(())
    }

    /// Sends the counts to disk when the budget refuses them.
    fn make_room(&mut self) -> Result<()> {
        if self.disk.is_some() || self.held.ask(self.counts.bytes() + self.tally.bytes()) {
            return Ok(());
        }
        let mut disk = Disk::new(&self.room)?;
        std::mem::take(&mut self.counts).into_iter().try_for_each(|(value, count)| disk.push(value, count))?;
        self.restart()?;
        self.held = self.room.budget.insist(disk.bytes());
        self.disk = Some(disk);
        Ok(())
    }
}

#[async_trait]
impl Framed for Counted {
    fn begin(&mut self, _: usize) -> Result<()> {
        self.restart()
    }

    fn enter(&mut self, arguments: &[ArrayRef], _: usize) -> Result<()> {
        self.change(arguments, 1)?;
        self.make_room()
    }

    fn adds(&self) -> bool {
        true
    }

    fn leave(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        self.change(arguments, -1)
    }

    fn takes_away(&self) -> bool {
        self.takes_away
    }

    fn value(&mut self, frame: &Range<usize>) -> Result<Option<ScalarValue>> {
        match &mut self.disk {
            Some(disk) => {
                // Where rows leave, none is in.
                disk.ask(frame.is_empty() && !self.takes_away);
                Ok(None)
            }
            None if frame.is_empty() => Ok(Some(self.none.clone())),
            None => self.tally.value().map(Some),
        }
    }

    async fn late_values(&mut self, values: &mut Values) -> Result<()> {
        let Some(disk) = self.disk.take() else { return Ok(()) };
        let (asked, of_none) = (disk.asked(), disk.of_none());
        let mut changes = disk.finish(self.tally.as_ref()).await?;
        let (mut found, mut row) = (Found::default(), 0);
        while let Some((part, change)) = changes.next()? {
            // What happened since the row before was asked for.
            if change.when > row {
                self.push(row..change.when, &of_none, &mut found, values)?;
                row = change.when;
                tokio::task::coop::consume_budget().await;
            }
            self.tally.merge(part, change)?;
        }
        self.push(row..asked, &of_none, &mut found, values)?;
        found.out(values)
    }

    /// The counts have a reservation of their own.
    fn bytes(&self) -> usize {
        0
    }
}
