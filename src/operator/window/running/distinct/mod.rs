//! `count(DISTINCT value)` of all rows of the partition so far.
//!
//! ```text
//! value      a  b  a  c  c  b  d
//! is first   ×  ×     ×        ×        of all rows of the partition
//! count      1  2  2  3  3  3  4
//! ```
//!
//! The values that were seen are kept in a hash table. When the budget refuses it, they go to disk, and the partition is
//! read to its end before it is known which rows are the first with their value: `disk`.

mod disk;

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, WindowExpr};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use self::disk::Disk;
use super::budget::Grant;
use super::log::Room;
use super::parts::Parts;
use super::values::{Function, Values};
use crate::operator::aggregate::can_be_sorted;

/// Values come out so many at once.
const ROWS: usize = 8192;

/// The count, of a frame that begins with the partition and ends with the row, or its peers.
pub(super) struct Distinct {
    function: Arc<dyn WindowExpr>,
    /// Whether peers have a value in common.
    by_peers: bool,
    room: Room,
    seen: Seen,
    /// How many values there are, as long as all rows are in memory.
    count: i64,
    /// Rows of the last peers, whose count is not known before others come.
    pending: usize,
    disk: Option<Disk>,
    found: Vec<i64>,
}

impl Distinct {
    /// None for any other function.
    pub(super) fn new(function: &Arc<dyn WindowExpr>, input: &SchemaRef, room: &Room) -> Result<Option<Self>> {
        let frame = function.get_window_frame();
        let to_row = matches!(frame.end_bound, WindowFrameBound::CurrentRow) && frame.start_bound.is_unbounded();
        let plain = function.as_any().downcast_ref::<PlainAggregateWindowExpr>().filter(|_| to_row);
        let Some(aggregate) = plain.map(PlainAggregateWindowExpr::get_aggregate_expr) else { return Ok(None) };
        let [value] = &aggregate.expressions()[..] else { return Ok(None) };
        let value = value.data_type(input)?;
        if !aggregate.is_distinct() || aggregate.fun().name() != "count" || !can_be_sorted(aggregate, &value) {
            return Ok(None);
        }
        let schema = Arc::new(Schema::new(vec![Field::new("value", value, true)]));
        Ok(Some(Self {
            function: Arc::clone(function),
            by_peers: frame.units != WindowFrameUnits::Rows,
            seen: Seen::new(schema)?,
            room: room.clone(),
            count: 0,
            pending: 0,
            disk: None,
            found: Vec::new(),
        }))
    }

    /// The next rows of a partition; `starts` tells of each whether it is no peer of the row before.
    fn add(&mut self, arguments: &ArrayRef, starts: &[bool], values: &mut Values) -> Result<()> {
        let first_row = self.disk.as_ref().map(Disk::rows);
        let is_first = self.seen.add(arguments, first_row)?;
        for (starts, is_first) in starts.iter().zip(is_first) {
            if let Some(disk) = &mut self.disk {
                disk.push_row(*starts);
                continue;
            }
            if *starts {
                self.settle(values)?;
            }
            self.count += i64::from(is_first);
            self.pending += 1;
        }
        self.make_room()
    }

    /// Sends the values to disk when the budget refuses them.
    fn make_room(&mut self) -> Result<()> {
        if !self.seen.is_refused(&self.room) {
            return Ok(());
        }
        let disk = match &mut self.disk {
            Some(disk) => disk,
            none => none.insert(Disk::new(self.room.clone(), self.seen.schema(), mem::take(&mut self.pending))?),
        };
        let (values, rows) = self.seen.take()?;
        disk.push_values(&values, &rows)
    }

    /// All rows so far have their values.
    fn settle(&mut self, values: &mut Values) -> Result<()> {
        let (count, rows) = (self.count, mem::take(&mut self.pending));
        self.out(count, rows, values)
    }

    fn out(&mut self, count: i64, rows: usize, values: &mut Values) -> Result<()> {
        let mut left = rows;
        while left > 0 {
            let now = left.min(ROWS - self.found.len());
            self.found.extend(std::iter::repeat_n(count, now));
            left -= now;
            if self.found.len() == ROWS {
                self.send(values)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, values: &mut Values) -> Result<()> {
        match mem::take(&mut self.found) {
            found if found.is_empty() => Ok(()),
            found => values.push(Arc::new(Int64Array::from(found))),
        }
    }

    /// A partition has ended: its last rows get their values, and nothing is seen.
    fn end(&mut self, values: &mut Values) -> Result<()> {
        if let Some(mut disk) = self.disk.take() {
            let (seen, rows) = self.seen.take()?;
            disk.push_values(&seen, &rows)?;
            let mut count = self.count;
            for (rows, firsts) in disk.finish()?.peers() {
                count += firsts as i64;
                self.out(count, rows, values)?;
            }
        }
        self.settle(values)?;
        self.count = 0;
        self.seen.clear()
    }
}

#[async_trait]
impl Function for Distinct {
    async fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()> {
        let arguments = self.function.evaluate_args(&parts.batch)?.swap_remove(0);
        let mut starts = vec![!self.by_peers; parts.batch.num_rows()];
        parts.peers.iter().for_each(|peers| starts[peers.rows.start] |= peers.starts_peers);
        for part in &parts.partitions {
            if part.starts_partition {
                self.end(&mut values[0])?;
            }
            let rows = part.rows.clone();
            self.add(&arguments.slice(rows.start, rows.len()), &starts[rows], &mut values[0])?;
        }
        self.send(&mut values[0])
    }

    async fn finish(&mut self, values: &mut [Values]) -> Result<()> {
        self.end(&mut values[0])?;
        self.send(&mut values[0])
    }
}

/// A row before the first that is on disk.
const BEFORE: u64 = u64::MAX;

/// Values that were seen, since the last ones went to disk.
pub(super) struct Seen {
    schema: SchemaRef,
    values: Box<dyn GroupValues>,
    /// The values of the rows at hand.
    places: Vec<usize>,
    /// For each value the row that it was first seen in; empty as long as nothing is on disk.
    rows: Vec<u64>,
    /// None where nothing is held.
    held: Option<Grant>,
}

impl Seen {
    fn new(schema: SchemaRef) -> Result<Self> {
        let values = table(&schema)?;
        Ok(Self { schema, values, places: Vec::new(), rows: Vec::new(), held: None })
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether each of `values` is there for the first time, and no NULL. Their rows have the numbers from `first_row`
    /// on; none where nothing is on disk.
    fn add(&mut self, values: &ArrayRef, first_row: Option<u64>) -> Result<Vec<bool>> {
        let mut known = self.values.len();
        self.values.intern(std::slice::from_ref(values), &mut self.places)?;
        let nulls = values.logical_nulls();
        let is_first = self.places.iter().enumerate().map(|(row, place)| {
            let is_new = *place >= known;
            known += usize::from(is_new);
            if let (true, Some(first)) = (is_new, first_row) {
                self.rows.push(first + row as u64);
            }
            is_new && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
        });
        Ok(is_first.collect())
    }

    /// Whether the budget has no room for what it holds, with what a table takes that grows.
    fn is_refused(&mut self, room: &Room) -> bool {
        let bytes = 2 * self.values.size() + size_of::<u64>() * self.rows.capacity();
        !self.held.get_or_insert_with(|| room.budget.insist(0)).ask(bytes)
    }

    /// All values with their rows, which are forgotten.
    fn take(&mut self) -> Result<(ArrayRef, Vec<u64>)> {
        let values = self.values.emit(EmitTo::All)?.swap_remove(0);
        let mut rows = mem::take(&mut self.rows);
        rows.resize(values.len(), BEFORE);
        self.clear()?;
        Ok((values, rows))
    }

    /// Forgets all values. A table of numbers that is cleared still knows the place of its NULL: it is made anew.
    fn clear(&mut self) -> Result<()> {
        self.values = table(&self.schema)?;
        self.rows = Vec::new();
        self.places = Vec::new();
        self.held = None;
        Ok(())
    }
}

fn table(schema: &SchemaRef) -> Result<Box<dyn GroupValues>> {
    new_group_values(Arc::clone(schema), &GroupOrdering::None)
}
