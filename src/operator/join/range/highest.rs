//! The next row whose value is high enough.

use super::ordered::Ordered;

/// How many rows, or blocks of them, have one above them.
const FAN_OUT: usize = 16;
const FAN_OUT_BITS: u32 = FAN_OUT.ilog2();

/// Values with the highest of every 16 of them above, and the highest of every 16 of these:
///
/// ```text
/// 7               9               2               ← of blocks of 256
/// 3  7  1 …       9  4 …          2 …             ← of blocks of 16
/// 3132010…  7…    …                               ← values
/// ```
///
/// Blocks whose highest is too low are passed over at once. With intervals sorted by their starts, and their ends as
/// the values, this is the augmented tree of Cormen et al., "Introduction to Algorithms" (interval trees), in an
/// array.
pub(super) struct Highest {
    values: Ordered,
    /// From the lowest level up: in which row the highest value of each block is.
    levels: Vec<Vec<u32>>,
}

impl Highest {
    pub(super) fn new(values: Ordered) -> Self {
        let compare = |one: &u32, other: &u32| values.compare(*one as usize, &values, *other as usize);
        let highest = |rows: &mut dyn Iterator<Item = u32>| rows.max_by(compare);
        let mut levels: Vec<Vec<u32>> = Vec::new();
        let mut count = values.len();
        while count > FAN_OUT {
            let block = |block: usize| {
                let range = block * FAN_OUT..count.min((block + 1) * FAN_OUT);
                match levels.last() {
                    Some(below) => highest(&mut range.map(|at| below[at])),
                    None => highest(&mut range.map(|at| at as u32)),
                }
            };
            let level = (0..count.div_ceil(FAN_OUT)).filter_map(block).collect::<Vec<_>>();
            count = level.len();
            levels.push(level);
        }
        Self { values, levels }
    }

    /// The first row from `at` on, before `end`, whose value is more than the one in `row` of `than` (or equal, where
    /// `strict` does not forbid it).
    pub(super) fn next(
        &self,
        mut at: usize,
        end: usize,
        (than, row): (&Ordered, usize),
        strict: bool,
    ) -> Option<usize> {
        let reaches = |held: usize| {
            let ordering = self.values.compare(held, than, row);
            if strict { ordering.is_gt() } else { ordering.is_ge() }
        };
        'rows: while at < end {
            let levels = self.levels.len().min((at.trailing_zeros() / FAN_OUT_BITS) as usize);
            for level in (0..levels).rev() {
                let bits = FAN_OUT_BITS * (level as u32 + 1);
                if !reaches(self.levels[level][at >> bits] as usize) {
                    at += 1 << bits;
                    continue 'rows;
                }
            }
            if reaches(at) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    pub(super) fn bytes(&self) -> usize {
        self.values.bytes() + self.levels.iter().map(|level| size_of_val(level.as_slice())).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int32Array};
    use datafusion::arrow::compute::SortOptions;
    use proptest::prelude::*;

    use super::super::ordered::OrderedReader;
    use super::*;

    proptest! {
        #[test]
        fn all_that_reach_are_found(values in prop::collection::vec(0..100i32, 0..2_000), than in 0..100i32, strict: bool) {
            let array = |values| Arc::new(Int32Array::from_iter_values(values)) as ArrayRef;
            let reader = OrderedReader::new(&array(vec![0]), SortOptions::default()).unwrap();
            let rows = |values| reader.read(array(values)).unwrap();
            let highest = Highest::new(rows(values.clone()));
            let least = rows(vec![than]);
            let mut found = Vec::new();
            let mut at = 0;
            while let Some(row) = highest.next(at, values.len(), (&least, 0), strict) {
                found.push(row);
                at = row + 1;
            }
            let reaches = |value: i32| if strict { value > than } else { value >= than };
            let all: Vec<_> = (0..values.len()).filter(|row| reaches(values[*row])).collect();
            prop_assert_eq!(found, all);
        }
    }
}
