//! A frame that does not fit the budget, by way of the disk.
//!
//! ```text
//! events: 5 enters, 3 enters, the 1st?, 8 enters, 5 leaves, the 2nd?                                (events.rs)
//!    │
//!    │ by the values that split them, each time how many numbers every part has
//!    ├─► below 5   3 enters, the 1st?                     ─► 3 ─┐
//!    ├─► 5         (its numbers are known)                      ├─► 3, 8     which part answers what, in order
//!    └─► above 5   8 enters, the 1st?                     ─► 8 ─┘
//!         └─ does not fit ─► parts again
//! ```
//!
//! What happens is known for the whole partition before anything is answered, so that each part is gone through once, by
//! itself. The values in between are parts without events: a part has fewer values than what it is a part of, and one
//! value that most rows have is no burden.

use datafusion::arrow::datatypes::{ArrowNativeTypeOp, ArrowPrimitiveType, UInt16Type};
use datafusion::common::Result;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::events::{Event, Events, Numbers, ROWS, Reader, bytes, read};
use super::multiset::Multiset;
use super::places::Places;
use crate::error::Error;
use crate::operator::spill::{DEEPEST, Segment};
use crate::operator::window::running::log::Room;

/// Events are split by so many values at most.
const SPLITTERS: usize = if cfg!(test) { 3 } else { 31 };

/// As many segments are looked at for the values to split by, and as many numbers of each.
const SAMPLED: usize = 64;

/// The answers to all questions of `events`, which do not fit.
pub(super) fn split<T: ArrowPrimitiveType>(
    room: Room,
    events: Vec<Segment>,
    level: usize,
) -> BoxFuture<'static, Result<Reader<T>>> {
    async move {
        let _buffers = room.budget.insist(bytes::<T>(2 * SPLITTERS));
        let mut parts = Parts::<T>::new(&room, splitters::<T>(&events)?)?;
        for segment in events {
            read::<T>(&segment)?.into_iter().try_for_each(|event| parts.push(event))?;
            tokio::task::coop::consume_budget().await;
        }
        parts.answers(&room, level).await
    }
    .boxed()
}

/// The answers, where the frame fits.
async fn answer<T: ArrowPrimitiveType>(room: &Room, events: &[Segment], level: usize) -> Result<Option<Reader<T>>> {
    let (mut frame, mut held) = (Multiset::new(), room.budget.insist(0));
    let mut answers = Numbers::<T>::new(room)?;
    for segment in events {
        for event in read::<T>(segment)? {
            match event {
                Event::Enters(number) => frame.insert(number),
                Event::Leaves(number) => leave(&mut frame, number)?,
                Event::Asks(place) => answers.push(frame.at(place).ok_or_else(unknown)?)?,
            }
        }
        if !held.ask(frame.bytes()) {
            if level < DEEPEST {
                return Ok(None);
            }
            // So many times split, it is small, or the limit is.
            held.set(frame.bytes())?;
        }
        tokio::task::coop::consume_budget().await;
    }
    answers.finish().map(Some)
}

/// A number goes that has come.
pub(super) fn leave<N: ArrowNativeTypeOp>(frame: &mut Multiset<N>, number: N) -> Result<()> {
    match frame.remove(number) {
        true => Ok(()),
        false => Err(Error::internal("a value leaves a window frame that it is not in").into()),
    }
}

fn unknown() -> datafusion::common::DataFusionError {
    Error::internal("a value of a window frame is asked for that has not so many").into()
}

/// Values that split the events into parts of about the same size.
fn splitters<T: ArrowPrimitiveType>(events: &[Segment]) -> Result<Vec<T::Native>> {
    let mut sample = Vec::new();
    for segment in events.iter().step_by(events.len().div_ceil(SAMPLED).max(1)) {
        let events = read::<T>(segment)?;
        let numbers = events.iter().filter_map(|event| match event {
            Event::Enters(number) => Some(*number),
            _ => None,
        });
        sample.extend(numbers.step_by(ROWS.div_ceil(SAMPLED)));
    }
    sample.sort_unstable_by(|a, b| a.compare(*b));
    let at = |splitter| sample.get(splitter * sample.len() / (SPLITTERS + 1)).copied();
    let mut splitters: Vec<_> = (1..=SPLITTERS).filter_map(at).collect();
    splitters.dedup_by(|a, b| a.is_eq(*b));
    Ok(splitters)
}

/// The parts of events: those between two splitters, and each splitter itself.
struct Parts<T: ArrowPrimitiveType> {
    splitters: Vec<T::Native>,
    between: Vec<Events<T>>,
    /// How many numbers of the frame each part has at the time.
    places: Places,
    /// The part that answers each question.
    route: Numbers<UInt16Type>,
}

impl<T: ArrowPrimitiveType> Parts<T> {
    fn new(room: &Room, splitters: Vec<T::Native>) -> Result<Self> {
        let between = (0..=splitters.len()).map(|_| Events::new(room)).collect::<Result<_>>()?;
        let places = Places::new(2 * splitters.len() + 1);
        Ok(Self { splitters, between, places, route: Numbers::new(room)? })
    }

    /// Parts with even numbers are between two splitters, the others are splitters.
    fn part(&self, number: T::Native) -> usize {
        let before = self.splitters.partition_point(|splitter| splitter.is_lt(number));
        2 * before + usize::from(self.splitters.get(before).is_some_and(|splitter| splitter.is_eq(number)))
    }

    fn push(&mut self, event: Event<T::Native>) -> Result<()> {
        let (part, event) = match event {
            Event::Enters(number) => {
                let part = self.part(number);
                self.places.add(part);
                (part, event)
            }
            Event::Leaves(number) => {
                let part = self.part(number);
                self.places.take_away(part);
                (part, event)
            }
            Event::Asks(place) => {
                let (part, place) = self.places.find(place).ok_or_else(unknown)?;
                self.route.push(part as u16)?;
                (part, Event::Asks(place))
            }
        };
        if part % 2 == 0 { self.between[part / 2].push(event) } else { Ok(()) }
    }

    /// The answers of all parts, in the order of the questions.
    async fn answers(self, room: &Room, level: usize) -> Result<Reader<T>> {
        let mut readers = Vec::with_capacity(self.between.len());
        let parts = self.between.into_iter().map(Events::finish).collect::<Result<Vec<_>>>()?;
        for events in parts {
            readers.push(match answer::<T>(room, &events, level).await? {
                Some(reader) => reader,
                None => split::<T>(room.clone(), events, level + 1).await?,
            });
        }
        let mut answers = Numbers::new(room)?;
        let mut route = self.route.finish()?;
        while let Some(parts) = route.some()? {
            for part in parts.values() {
                let part = usize::from(*part);
                let is_between = part % 2 == 0;
                answers.push(if is_between { readers[part / 2].next()? } else { self.splitters[part / 2] })?;
            }
            tokio::task::coop::consume_budget().await;
        }
        answers.finish()
    }
}
