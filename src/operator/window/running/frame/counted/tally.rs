//! What is made of values and their counts.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};

use super::super::aggregate::accumulator;
use super::changes::Change;
use crate::error::Error;
use crate::operator::window::running::values::beside;

/// The value of a function, kept up to date with the counts.
pub(super) trait Tally: Send + Sync {
    /// A value was there `before` times, and is `after` times.
    fn change(&mut self, value: &ScalarValue, before: i64, after: i64) -> Result<()>;

    /// The value of the function.
    fn value(&mut self) -> Result<ScalarValue>;

    fn bytes(&self) -> usize;

    /// One like this, of no values, for a part of all values.
    fn of_part(&self) -> Box<dyn Tally>;

    /// What the whole has to know of its part after a change: a number and a value, as `merge` understands them.
    fn news(&mut self) -> Option<(i64, ScalarValue)>;

    /// One of the parts of this one has news.
    fn merge(&mut self, part: usize, change: Change) -> Result<()>;
}

/// Which functions there are.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::operator::window::running) enum Kind {
    CountDistinct,
    /// Any other aggregate of the different values.
    Distinct,
    /// Of values of that type.
    Mode(DataType),
}

/// The kind of a function; none for functions that are found in other ways.
pub(in crate::operator::window::running) fn counted(
    aggregate: &AggregateFunctionExpr,
    schema: &SchemaRef,
) -> Result<Option<Kind>> {
    let arguments = aggregate.expressions();
    let [argument] = arguments.as_slice() else { return Ok(None) };
    let data_type = argument.data_type(schema)?;
    if data_type.is_nested() || matches!(data_type, DataType::Dictionary(..) | DataType::Null) {
        return Ok(None);
    }
    Ok(match (aggregate.fun().name(), aggregate.is_distinct()) {
        ("mode", _) => Some(Kind::Mode(data_type)),
        ("count", true) => Some(Kind::CountDistinct),
        ("sum" | "avg", true) => Some(Kind::Distinct),
        _ => None,
    })
}

/// That of a function over no rows; `of_each` is the function as [`without_distinct`] has it.
pub(super) fn tally(kind: &Kind, of_each: &AggregateFunctionExpr, takes_away: bool) -> Result<Box<dyn Tally>> {
    let of = match kind {
        Kind::Mode(data_type) => return Ok(Box::new(Mode::new(data_type.clone(), takes_away))),
        Kind::CountDistinct => Of::Count(0),
        Kind::Distinct => Of::Values(Box::new(OfEach::new(of_each.clone(), takes_away)?)),
    };
    Ok(Box::new(Distinct { of, news: None }))
}

/// The same function of all values, of which there will be one of each.
pub(super) fn without_distinct(aggregate: &AggregateFunctionExpr, schema: &SchemaRef) -> Result<AggregateFunctionExpr> {
    let function = Arc::new(aggregate.fun().clone());
    let builder = AggregateExprBuilder::new(function, aggregate.expressions()).schema(Arc::clone(schema));
    builder.alias(aggregate.name()).build()
}

/// A function of the values that are there at least once.
struct Distinct {
    of: Of,
    news: Option<(i64, ScalarValue)>,
}

enum Of {
    Count(i64),
    Values(Box<OfEach>),
    /// A part of the values: the whole has to know what comes and what goes, and for some functions the values.
    Part {
        values: bool,
    },
}

/// The function over values that are each there once.
struct OfEach {
    function: AggregateFunctionExpr,
    takes_away: bool,
    accumulator: Box<dyn Accumulator>,
    count: usize,
}

impl OfEach {
    fn new(function: AggregateFunctionExpr, takes_away: bool) -> Result<Self> {
        let accumulator = accumulator(&function, takes_away)?;
        Ok(Self { function, takes_away, accumulator, count: 0 })
    }

    fn add(&mut self, value: &ScalarValue) -> Result<()> {
        self.count += 1;
        self.accumulator.update_batch(&[value.to_array()?])
    }

    /// What a NaN, or rounding, has left in a sum goes with the last value.
    fn take_away(&mut self, value: &ScalarValue) -> Result<()> {
        self.count = self.count.saturating_sub(1);
        match self.count {
            0 => self.accumulator = accumulator(&self.function, self.takes_away)?,
            _ => self.accumulator.retract_batch(&[value.to_array()?])?,
        }
        Ok(())
    }
}

impl Distinct {
    fn comes(&mut self, value: &ScalarValue, is_first: bool) -> Result<()> {
        let by = if is_first { 1 } else { -1 };
        match &mut self.of {
            Of::Count(count) => *count += by,
            Of::Values(of_each) if is_first => of_each.add(value)?,
            Of::Values(of_each) => of_each.take_away(value)?,
            Of::Part { values: true } => self.news = Some((by, value.clone())),
            Of::Part { values: false } => self.news = Some((by, ScalarValue::Null)),
        }
        Ok(())
    }
}

impl Tally for Distinct {
    fn change(&mut self, value: &ScalarValue, before: i64, after: i64) -> Result<()> {
        if (before > 0) == (after > 0) { Ok(()) } else { self.comes(value, after > 0) }
    }

    fn value(&mut self) -> Result<ScalarValue> {
        match &mut self.of {
            Of::Count(count) => Ok(ScalarValue::Int64(Some(*count))),
            Of::Values(of_each) => of_each.accumulator.evaluate(),
            Of::Part { .. } => Err(Error::internal("a part of a function has no value").into()),
        }
    }

    fn bytes(&self) -> usize {
        0
    }

    fn of_part(&self) -> Box<dyn Tally> {
        let values = matches!(&self.of, Of::Values(_) | Of::Part { values: true });
        Box::new(Self { of: Of::Part { values }, news: None })
    }

    fn news(&mut self) -> Option<(i64, ScalarValue)> {
        self.news.take()
    }

    fn merge(&mut self, _: usize, change: Change) -> Result<()> {
        self.comes(&change.value, change.number > 0)
    }
}

/// The most frequent value, the smallest of several.
struct Mode {
    data_type: DataType,
    /// Whether values go.
    takes_away: bool,
    /// Values by how often they are there; the best of all where none goes.
    order: BTreeSet<Candidate>,
    /// What the values take beside themselves.
    bytes: usize,
    /// The one of each part.
    of_parts: Vec<Option<Candidate>>,
    told: Option<Candidate>,
}

/// How often a value is there, and the value: the best one is the last in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate(i64, Reverse<Key>);

/// A value in its order among those of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key(ScalarValue);

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

impl Mode {
    fn new(data_type: DataType, takes_away: bool) -> Self {
        Self { data_type, takes_away, order: BTreeSet::new(), bytes: 0, of_parts: Vec::new(), told: None }
    }

    /// Where no value goes, what has been the best stays so until there is a better one.
    fn insert(&mut self, candidate: Candidate) {
        if !self.takes_away
            && let Some(best) = self.order.pop_last()
        {
            if best > candidate {
                self.order.insert(best);
                return;
            }
            self.bytes -= beside(&best.1.0.0);
        }
        self.bytes += beside(&candidate.1.0.0);
        self.order.insert(candidate);
    }

    fn remove(&mut self, candidate: &Candidate) {
        if self.takes_away && self.order.remove(candidate) {
            self.bytes -= beside(&candidate.1.0.0);
        }
    }
}

impl Tally for Mode {
    fn change(&mut self, value: &ScalarValue, before: i64, after: i64) -> Result<()> {
        let mut candidate = Candidate(before, Reverse(Key(value.clone().compacted())));
        self.remove(&candidate);
        candidate.0 = after;
        if after > 0 {
            self.insert(candidate);
        }
        Ok(())
    }

    fn value(&mut self) -> Result<ScalarValue> {
        let best = self.order.last().map(|Candidate(_, Reverse(Key(value)))| value.clone());
        best.map_or_else(|| ScalarValue::try_from(&self.data_type), Ok)
    }

    /// A node of the tree has room for twice what it has.
    fn bytes(&self) -> usize {
        self.bytes + 2 * self.order.len() * size_of::<Candidate>()
    }

    fn of_part(&self) -> Box<dyn Tally> {
        Box::new(Self::new(self.data_type.clone(), self.takes_away))
    }

    fn news(&mut self) -> Option<(i64, ScalarValue)> {
        if self.order.last() == self.told.as_ref() {
            return None;
        }
        self.told = self.order.last().cloned();
        match &self.told {
            Some(Candidate(count, Reverse(Key(value)))) => Some((*count, value.clone())),
            None => ScalarValue::try_from(&self.data_type).ok().map(|none| (0, none)),
        }
    }

    fn merge(&mut self, part: usize, change: Change) -> Result<()> {
        let known = self.of_parts.len().max(part + 1);
        self.of_parts.resize(known, None);
        if let Some(before) = mem::take(&mut self.of_parts[part]) {
            self.remove(&before);
        }
        if change.number > 0 {
            let candidate = Candidate(change.number, Reverse(Key(change.value)));
            self.insert(candidate.clone());
            self.of_parts[part] = Some(candidate);
        }
        Ok(())
    }
}
