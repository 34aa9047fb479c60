//! How often values are there.

use std::collections::HashMap;

use datafusion::common::{Result, ScalarValue};

use crate::error::Error;
use crate::operator::window::running::values::beside;

/// Values that are there, and how often each is.
#[derive(Debug, Default)]
pub(super) struct Counts {
    counts: HashMap<ScalarValue, i64>,
    /// What the values take beside themselves: texts.
    bytes: usize,
}

impl Counts {
    /// A value is there so many times more, or less: how often it was, and how often it is.
    pub(super) fn change(&mut self, value: &ScalarValue, by: i64) -> Result<(i64, i64)> {
        let before = match self.counts.get_mut(value) {
            Some(count) => {
                *count += by;
                *count - by
            }
            None => {
                let value = value.clone().compacted();
                self.bytes += beside(&value);
                self.counts.insert(value, by);
                0
            }
        };
        let after = before + by;
        if after < 0 {
            return Err(Error::internal("a value leaves a window frame that it is not in").into());
        }
        if after == 0
            && let Some((value, _)) = self.counts.remove_entry(value)
        {
            self.bytes -= beside(&value);
        }
        Ok((before, after))
    }

    /// With what the table takes while it grows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + 2 * self.counts.capacity() * (size_of::<(ScalarValue, i64)>() + 1)
    }
}

impl IntoIterator for Counts {
    type Item = (ScalarValue, i64);
    type IntoIter = std::collections::hash_map::IntoIter<ScalarValue, i64>;

    fn into_iter(self) -> Self::IntoIter {
        self.counts.into_iter()
    }
}
