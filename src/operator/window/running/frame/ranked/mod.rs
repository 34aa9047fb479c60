//! The number at a place of all in the frame, in their order: medians and quantiles.
//!
//! ```text
//! frame      7 3 9 4            3 4 7 9      median: between the numbers at the places 1 and 2
//! 5 enters   7 3 9 4 5          3 4 5 7 9    the number at the place 2
//! 7 leaves     3 9 4 5          3 4 5 9      …
//! ```
//!
//! The engine's functions look at all numbers of the frame for every row. Here they are kept in their order (`multiset`);
//! when the budget refuses them, what happens to the frame goes to disk, and the rows have their values when the
//! partition has ended: `disk`.

mod disk;
mod events;
mod multiset;
mod places;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, downcast_primitive};
use datafusion::arrow::datatypes::{
    ArrowNativeTypeOp, ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type, UInt64Type,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use self::disk::{leave, split};
use self::events::{Event, Events, Numbers};
use self::multiset::Multiset;
use super::{Framed, unexpected};
use crate::operator::aggregate::{known_digits, quantile};
use crate::operator::window::running::budget::Grant;
use crate::operator::window::running::log::Room;
use crate::operator::window::running::values::Values;

/// A quantile of the frame, as the engine's functions have it.
pub(super) struct Ranked<T: ArrowPrimitiveType> {
    /// The share of the numbers that come before the one that is wanted.
    share: f64,
    /// What lies at a weight between two numbers beside each other.
    between: fn(T::Native, T::Native, f64) -> T::Native,
    data_type: DataType,
    /// Whether rows leave.
    takes_away: bool,
    room: Room,
    numbers: Multiset<T::Native>,
    held: Grant,
    disk: Option<Disk<T>>,
}

/// Such a function; none for any other.
pub(super) fn ranked(
    aggregate: &AggregateFunctionExpr,
    takes_away: bool,
    room: &Room,
) -> Result<Option<Box<dyn Framed>>> {
    let Some(share) = quantile(aggregate) else { return Ok(None) };
    let data_type = aggregate.field().data_type().clone();
    macro_rules! framed {
        ($number:ty, $between:expr) => {
            Ok(Some(Box::new(Ranked::<$number>::new(share, $between, data_type, takes_away, room))))
        };
    }
    macro_rules! median {
        ($number:ty) => {
            framed!($number, |low, high, _| middle(low, high))
        };
    }
    if aggregate.fun().name() == "median" {
        return downcast_primitive! { data_type => (median), _ => Ok(None) };
    }
    match data_type {
        DataType::Float16 => framed!(Float16Type, |low, high, weight| {
            let (low, high) = (low.to_f64(), high.to_f64());
            <Float16Type as ArrowPrimitiveType>::Native::from_f64(low + (high - low) * weight)
        }),
        DataType::Float32 => framed!(Float32Type, |low, high, weight| {
            (f64::from(low) + (f64::from(high) - f64::from(low)) * weight) as f32
        }),
        DataType::Float64 => framed!(Float64Type, |low, high, weight| low + (high - low) * weight),
        _ => Ok(None),
    }
}

/// What lies in the middle of two numbers, rounded towards zero; their sum may be too large for the type.
fn middle<N: ArrowNativeTypeOp>(low: N, high: N) -> N {
    let two = N::usize_as(2);
    if let Ok(sum) = low.add_checked(high) {
        return sum.div_wrapping(two);
    }
    let rests = low.mod_wrapping(two).add_wrapping(high.mod_wrapping(two));
    low.div_wrapping(two).add_wrapping(high.div_wrapping(two)).add_wrapping(rests.div_wrapping(two))
}

impl<T: ArrowPrimitiveType> Ranked<T> {
    fn new(
        share: f64,
        between: fn(T::Native, T::Native, f64) -> T::Native,
        data_type: DataType,
        takes_away: bool,
        room: &Room,
    ) -> Self {
        let held = room.budget.insist(0);
        let numbers = Multiset::new();
        Self { share, between, data_type, takes_away, room: room.clone(), numbers, held, disk: None }
    }

    /// Sends the numbers to disk when the budget refuses them.
    fn make_room(&mut self) -> Result<()> {
        if self.disk.is_some() || self.held.ask(self.numbers.bytes()) {
            return Ok(());
        }
        let disk = self.disk.insert(Disk::new(&self.room)?);
        self.numbers.take().flatten().try_for_each(|number| disk.push(Event::Enters(number)))?;
        self.held = self.room.budget.insist(events::bytes::<T>(2));
        Ok(())
    }

    /// The numbers of a column that are not NULL.
    fn numbers(arguments: &[ArrayRef]) -> Result<Vec<T::Native>> {
        match arguments.first() {
            Some(nulls) if nulls.data_type().is_null() => Ok(Vec::new()),
            Some(numbers) => match numbers.as_primitive_opt::<T>() {
                Some(numbers) => Ok(numbers.iter().flatten().collect()),
                None => Err(unexpected(&format!("a quantile of {}", numbers.data_type()))),
            },
            None => Err(unexpected("a quantile of nothing")),
        }
    }

    /// The value where the frame has those numbers.
    fn value_of(&self, low: T::Native, high: T::Native, wanted: Wanted) -> T::Native {
        if wanted.low == wanted.high { low } else { (self.between)(low, high, wanted.weight) }
    }

    fn array(&self, numbers: impl IntoIterator<Item = Option<T::Native>>) -> PrimitiveArray<T> {
        numbers.into_iter().collect::<PrimitiveArray<T>>().with_data_type(self.data_type.clone())
    }
}

#[async_trait]
impl<T: ArrowPrimitiveType> Framed for Ranked<T> {
    fn begin(&mut self, _: usize) -> Result<()> {
        self.numbers = Multiset::new();
        self.held.set(0)
    }

    fn enter(&mut self, arguments: &[ArrayRef], _: usize) -> Result<()> {
        for number in Self::numbers(arguments)? {
            match &mut self.disk {
                Some(disk) => disk.push(Event::Enters(number))?,
                None => self.numbers.insert(number),
            }
        }
        self.make_room()
    }

    fn adds(&self) -> bool {
        true
    }

    fn leave(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        for number in Self::numbers(arguments)? {
            match &mut self.disk {
                Some(disk) => disk.push(Event::Leaves(number))?,
                None => leave(&mut self.numbers, number)?,
            }
        }
        Ok(())
    }

    fn takes_away(&self) -> bool {
        self.takes_away
    }

    fn value(&mut self, frame: &Range<usize>) -> Result<Option<ScalarValue>> {
        if let Some(disk) = &mut self.disk {
            disk.ask(self.share, frame.is_empty())?;
            return Ok(None);
        }
        if frame.is_empty() {
            return ScalarValue::try_from(&self.data_type).map(Some);
        }
        let wanted = Wanted::of(self.share, self.numbers.len());
        let found = self.numbers.at(wanted.low).zip(self.numbers.at(wanted.high));
        let found = found.map(|(low, high)| self.value_of(low, high, wanted));
        ScalarValue::new_primitive::<T>(found, &self.data_type).map(Some)
    }

    async fn late_values(&mut self, values: &mut Values) -> Result<()> {
        let Some(disk) = self.disk.take() else { return Ok(()) };
        let mut answers = split::<T>(self.room.clone(), disk.events.finish()?, 1).await?;
        let mut counts = disk.counts.finish()?;
        while let Some(counts) = counts.some()? {
            let value = |count: &u64| {
                if *count == 0 {
                    return Ok(None);
                }
                let wanted = Wanted::of(self.share, *count as usize);
                let low = answers.next()?;
                let high = if wanted.low == wanted.high { low } else { answers.next()? };
                Ok(Some(self.value_of(low, high, wanted)))
            };
            let found = counts.values().iter().map(value).collect::<Result<Vec<_>>>()?;
            values.push(Arc::new(self.array(found)))?;
            tokio::task::coop::consume_budget().await;
        }
        Ok(())
    }

    /// The numbers have a reservation of their own.
    fn bytes(&self) -> usize {
        0
    }
}

/// Which of some numbers, in their order, a quantile is made of.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    low: usize,
    /// The same, or the next one.
    high: usize,
    /// How far it is from the one to the other, to the digit that the engine knows it.
    weight: f64,
}

impl Wanted {
    /// The one of `count` numbers that has that share of the others before it.
    fn of(share: f64, count: usize) -> Self {
        let place = share * count.saturating_sub(1) as f64;
        Self { low: place.floor() as usize, high: place.ceil() as usize, weight: known_digits(place.fract()) }
    }
}

/// What happens from the time on that the numbers did not fit.
struct Disk<T: ArrowPrimitiveType> {
    events: Events<T>,
    /// How many numbers are in the frame now.
    len: usize,
    /// How many were, each time that the value was asked for.
    counts: Numbers<UInt64Type>,
}

impl<T: ArrowPrimitiveType> Disk<T> {
    fn new(room: &Room) -> Result<Self> {
        Ok(Self { events: Events::new(room)?, len: 0, counts: Numbers::new(room)? })
    }

    fn push(&mut self, event: Event<T::Native>) -> Result<()> {
        match event {
            Event::Enters(_) => self.len += 1,
            Event::Leaves(_) => self.len -= 1,
            Event::Asks(_) => {}
        }
        self.events.push(event)
    }

    fn ask(&mut self, share: f64, of_none: bool) -> Result<()> {
        if of_none || self.len == 0 {
            return self.counts.push(0);
        }
        self.counts.push(self.len as u64)?;
        let wanted = Wanted::of(share, self.len);
        self.push(Event::Asks(wanted.low))?;
        if wanted.low == wanted.high { Ok(()) } else { self.push(Event::Asks(wanted.high)) }
    }
}
