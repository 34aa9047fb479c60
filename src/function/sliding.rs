//! Aggregates of a person's own over frames that move.

use std::collections::VecDeque;
use std::fmt;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::error::Result;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

use super::aggregate::One;

/// The rows of a frame, from which its result is computed anew: what a state has taken in, nobody can take out of it.
///
/// ```text
/// frame of row 7  ├ 5 ┼ 6 ┼ 7 ┤            the rows that entered stay until they leave
/// frame of row 8      ├ 6 ┼ 7 ┼ 8 ┤        a result costs as many updates as the frame has rows
/// ```
///
/// While no row leaves, as in a running total, the state goes on.
pub(super) struct Sliding {
    /// The columns of what entered at once.
    rows: VecDeque<Vec<ArrayRef>>,
    state: One,
    /// Whether a row has left since the state was begun.
    stale: bool,
}

impl Sliding {
    pub(super) fn new(state: One) -> Self {
        Self { rows: VecDeque::new(), state, stale: false }
    }
}

impl fmt::Debug for Sliding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} over a moving frame", self.state)
    }
}

fn length(columns: &[ArrayRef]) -> usize {
    columns.first().map_or(0, |column| column.len())
}

impl Accumulator for Sliding {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if length(values) == 0 {
            return Ok(());
        }
        self.rows.push_back(values.to_vec());
        if self.stale { Ok(()) } else { self.state.update_batch(values) }
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut leaving = length(values);
        self.stale |= leaving > 0;
        while let Some(first) = self.rows.front_mut().filter(|_| leaving > 0) {
            let rows = length(first);
            if rows > leaving {
                first.iter_mut().for_each(|column| *column = column.slice(leaving, rows - leaving));
                break;
            }
            leaving -= rows;
            self.rows.pop_front();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.stale {
            self.state.begin_anew();
            self.rows.iter().try_for_each(|rows| self.state.update_batch(rows))?;
            self.stale = false;
        }
        self.state.evaluate()
    }

    fn size(&self) -> usize {
        let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_default();
        self.state.size() + self.rows.iter().flatten().map(bytes).sum::<usize>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.state.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.state.merge_batch(states)
    }
}
