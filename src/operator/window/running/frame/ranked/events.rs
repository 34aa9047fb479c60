//! What happens to a frame, on disk.

use std::mem;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array, PrimitiveArray};
use datafusion::arrow::datatypes::{ArrowPrimitiveType, Int64Type};
use datafusion::common::Result;

use crate::error::Error;
use crate::operator::spill::{Segment, Spool, unnamed};
use crate::operator::window::running::log::Room;

/// So many events, or answers, are written at once.
pub(super) const ROWS: usize = if cfg!(test) { 64 } else { 1024 };

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Event<N> {
    Enters(N),
    Leaves(N),
    /// The number that has so many others of the frame before it is asked for.
    Asks(usize),
}

const ENTERS: i64 = -1;
const LEAVES: i64 = -2;

/// Events in their order.
///
/// ```text
/// what    -1  -1   0  -1  -2   1          a number enters, or leaves, or the one at a place is asked for
/// number   5   3   ·   8   5   ·          answers: 3, 8
/// ```
pub(super) struct Events<T: ArrowPrimitiveType> {
    spool: Spool,
    what: Vec<i64>,
    numbers: Vec<T::Native>,
}

impl<T: ArrowPrimitiveType> Events<T> {
    pub(super) fn new(room: &Room) -> Result<Self> {
        let spool = Spool::create(&room.context, &room.figures)?;
        Ok(Self { spool, what: Vec::with_capacity(ROWS), numbers: Vec::with_capacity(ROWS) })
    }

    pub(super) fn push(&mut self, event: Event<T::Native>) -> Result<()> {
        let (what, number) = match event {
            Event::Enters(number) => (ENTERS, number),
            Event::Leaves(number) => (LEAVES, number),
            Event::Asks(place) => (place as i64, T::Native::default()),
        };
        self.what.push(what);
        self.numbers.push(number);
        if self.what.len() == ROWS { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let (what, numbers) = (mem::take(&mut self.what), mem::take(&mut self.numbers));
        let rows = what.len();
        (self.what, self.numbers) = (Vec::with_capacity(ROWS), Vec::with_capacity(ROWS));
        let numbers = PrimitiveArray::<T>::from_iter_values(numbers);
        self.spool.push(&unnamed(vec![Arc::new(Int64Array::from(what)), Arc::new(numbers)], rows)?)
    }

    /// All of them, on disk.
    pub(super) fn finish(mut self) -> Result<Vec<Segment>> {
        if !self.what.is_empty() {
            self.write()?;
        }
        Ok(self.spool.take())
    }
}

/// The events of one segment.
pub(super) fn read<T: ArrowPrimitiveType>(segment: &Segment) -> Result<Vec<Event<T::Native>>> {
    let batch = segment.read()?;
    let what = batch.column(0).as_primitive::<Int64Type>().values().iter();
    let numbers = batch.column(1).as_primitive::<T>().values().iter();
    let event = |(what, number): (&i64, &T::Native)| match *what {
        ENTERS => Event::Enters(*number),
        LEAVES => Event::Leaves(*number),
        place => Event::Asks(place as usize),
    };
    Ok(what.zip(numbers).map(event).collect())
}

/// Numbers on disk, in their order.
pub(super) struct Numbers<T: ArrowPrimitiveType> {
    spool: Spool,
    numbers: Vec<T::Native>,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    pub(super) fn new(room: &Room) -> Result<Self> {
        Ok(Self { spool: Spool::create(&room.context, &room.figures)?, numbers: Vec::new() })
    }

    pub(super) fn push(&mut self, number: T::Native) -> Result<()> {
        self.numbers.push(number);
        if self.numbers.len() == ROWS { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let numbers = PrimitiveArray::<T>::from_iter_values(mem::take(&mut self.numbers));
        let rows = numbers.len();
        self.spool.push(&unnamed(vec![Arc::new(numbers)], rows)?)
    }

    /// All of them, to be read.
    pub(super) fn finish(mut self) -> Result<Reader<T>> {
        if !self.numbers.is_empty() {
            self.write()?;
        }
        let none = PrimitiveArray::<T>::from_iter_values([]);
        Ok(Reader { segments: self.spool.take().into_iter(), numbers: none, next: 0 })
    }
}

/// Reads numbers in their order.
pub(super) struct Reader<T: ArrowPrimitiveType> {
    segments: std::vec::IntoIter<Segment>,
    numbers: PrimitiveArray<T>,
    next: usize,
}

impl<T: ArrowPrimitiveType> Reader<T> {
    /// The next one, of which there is one.
    pub(super) fn next(&mut self) -> Result<T::Native> {
        if self.next == self.numbers.len() {
            self.numbers = self.some()?.ok_or_else(|| Error::internal("fewer numbers than are wanted"))?;
            self.next = 0;
        }
        self.next += 1;
        Ok(self.numbers.value(self.next - 1))
    }

    /// The next ones, some of them at once.
    pub(super) fn some(&mut self) -> Result<Option<PrimitiveArray<T>>> {
        let batch = self.segments.next().map(|segment| segment.read()).transpose()?;
        Ok(batch.map(|batch| batch.column(0).as_primitive::<T>().clone()))
    }
}

/// What readers and writers of so many parts hold.
pub(super) fn bytes<T: ArrowPrimitiveType>(parts: usize) -> usize {
    parts * ROWS * (size_of::<i64>() + size_of::<T::Native>())
}
