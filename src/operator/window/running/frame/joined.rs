//! `string_agg` of a frame: its text, of which the first parts go.

use std::collections::VecDeque;
use std::ops::Range;

use datafusion::arrow::array::{ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Literal;

use super::{Framed, unexpected};
use crate::operator::window::running::log::Room;

/// The texts of the frame, with the separator between two of them.
///
/// ```text
/// frame         a, b, c
/// d comes in    a, b, c, d
/// a goes           b, c, d        backward rows come in before all others, and go behind them
/// ```
pub(super) struct Joined {
    separator: String,
    text: VecDeque<u8>,
    /// How many texts that is.
    parts: usize,
    takes_away: bool,
    backward: bool,
}

impl Joined {
    /// None for any other function.
    pub(super) fn new(aggregate: &AggregateFunctionExpr, takes_away: bool, room: &Room) -> Option<Self> {
        let separator = separator(aggregate)?;
        Some(Self { separator, text: VecDeque::new(), parts: 0, takes_away, backward: room.backward })
    }

    fn add(&mut self, text: &str) {
        let separator = if self.parts > 0 { self.separator.as_str() } else { "" };
        if self.backward {
            let before = [text, separator].concat();
            before.bytes().rev().for_each(|byte| self.text.push_front(byte));
        } else {
            self.text.extend(separator.bytes());
            self.text.extend(text.bytes());
        }
        self.parts += 1;
    }
}

/// Whether a function puts texts together, one behind the other.
pub(in crate::operator::window) fn joins(aggregate: &AggregateFunctionExpr) -> bool {
    separator(aggregate).is_some()
}

fn separator(aggregate: &AggregateFunctionExpr) -> Option<String> {
    let plain = aggregate.fun().name() == "string_agg" && !aggregate.is_distinct();
    let arguments = aggregate.expressions();
    let separator = arguments.get(1)?.downcast_ref::<Literal>()?.value();
    // One that is NULL is none.
    let separator = if separator.is_null() { None } else { separator.try_as_str()? };
    (plain && *aggregate.field().data_type() == DataType::LargeUtf8).then(|| separator.unwrap_or_default().to_owned())
}

fn texts(arguments: &[ArrayRef]) -> Result<StringViewArray> {
    let texts = arguments.first().ok_or_else(|| unexpected("no texts"))?;
    Ok(cast(texts, &DataType::Utf8View)?.as_string_view().clone())
}

impl Framed for Joined {
    fn begin(&mut self, _: usize) -> Result<()> {
        self.text = VecDeque::new();
        self.parts = 0;
        Ok(())
    }

    fn enter(&mut self, arguments: &[ArrayRef], _: usize) -> Result<()> {
        texts(arguments)?.iter().flatten().for_each(|text| self.add(text));
        Ok(())
    }

    fn adds(&self) -> bool {
        true
    }

    fn leave(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        for text in texts(arguments)?.iter().flatten() {
            self.parts = self.parts.saturating_sub(1);
            let separator = if self.parts > 0 { self.separator.len() } else { 0 };
            let gone = text.len() + separator;
            match self.backward {
                true => self.text.truncate(self.text.len().saturating_sub(gone)),
                false => drop(self.text.drain(..gone.min(self.text.len()))),
            }
        }
        Ok(())
    }

    fn takes_away(&self) -> bool {
        self.takes_away
    }

    fn value(&mut self, frame: &Range<usize>) -> Result<Option<ScalarValue>> {
        if frame.is_empty() || self.parts == 0 {
            return Ok(Some(ScalarValue::LargeUtf8(None)));
        }
        let text = str::from_utf8(self.text.make_contiguous()).map_err(|_| unexpected("half a letter"))?;
        Ok(Some(ScalarValue::LargeUtf8(Some(text.to_owned()))))
    }

    /// With what is there while it grows.
    fn bytes(&self) -> usize {
        2 * self.text.capacity()
    }
}
