//! Values of a function that wait for those of others.

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::concat;
use datafusion::common::Result;

use super::parts::Parts;

/// One window function, or several that are found together, on their way through the rows.
pub(super) trait Function: Send {
    /// Looks at the next rows, of which there is at least one, and adds the values that are known now.
    fn push(&mut self, parts: &Parts, values: &mut [Values]) -> Result<()>;

    /// Adds the values of the rows that are left: no more come.
    fn finish(&mut self, values: &mut [Values]) -> Result<()>;

    /// The bytes it holds.
    fn bytes(&self) -> usize {
        0
    }
}

/// Values that are known and not yet out, in the order of their rows.
#[derive(Default)]
pub(super) struct Values {
    arrays: VecDeque<ArrayRef>,
    rows: usize,
}

impl Values {
    pub(super) fn push(&mut self, array: ArrayRef) {
        if !array.is_empty() {
            self.rows += array.len();
            self.arrays.push_back(array);
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The first `rows` of them, of which there are as many.
    pub(super) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        let mut parts: Vec<ArrayRef> = Vec::new();
        let mut left = rows;
        while left > 0
            && let Some(array) = self.arrays.pop_front()
        {
            if array.len() > left {
                self.arrays.push_front(array.slice(left, array.len() - left));
            }
            let part = array.slice(0, left.min(array.len()));
            left -= part.len();
            parts.push(part);
        }
        self.rows -= rows - left;
        match parts.as_slice() {
            [only] => Ok(ArrayRef::clone(only)),
            parts => Ok(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?),
        }
    }
}
