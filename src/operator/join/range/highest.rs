//! The next row whose value is high enough.

use datafusion::arrow::row::Rows;

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
    values: Rows,
    /// From the lowest level up: in which row the highest value of each block is.
    levels: Vec<Vec<u32>>,
}

impl Highest {
    pub(super) fn new(values: Rows) -> Self {
        let highest = |rows: &mut dyn Iterator<Item = u32>| rows.max_by_key(|row| values.row(*row as usize));
        let mut levels: Vec<Vec<u32>> = Vec::new();
        let mut count = values.num_rows();
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

    /// The first row from `at` on, before `end`, whose value is more than `than` (or equal, where `strict` does not
    /// forbid it).
    pub(super) fn next(&self, mut at: usize, end: usize, than: &[u8], strict: bool) -> Option<usize> {
        let reaches = |row: usize| {
            let value = self.values.row(row);
            if strict { value.data() > than } else { value.data() >= than }
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
        self.values.size() + self.levels.iter().map(|level| size_of_val(level.as_slice())).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int32Array};
    use datafusion::arrow::datatypes::DataType;
    use datafusion::arrow::row::{RowConverter, SortField};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_that_reach_are_found(values in prop::collection::vec(0..100i32, 0..2_000), than in 0..100i32, strict: bool) {
            let converter = RowConverter::new(vec![SortField::new(DataType::Int32)]).unwrap();
            let rows = |values| {
                let array: ArrayRef = Arc::new(Int32Array::from_iter_values(values));
                converter.convert_columns(&[array]).unwrap()
            };
            let highest = Highest::new(rows(values.clone()));
            let least = rows(vec![than]);
            let mut found = Vec::new();
            let mut at = 0;
            while let Some(row) = highest.next(at, values.len(), least.row(0).data(), strict) {
                found.push(row);
                at = row + 1;
            }
            let reaches = |value: i32| if strict { value > than } else { value >= than };
            let all: Vec<_> = (0..values.len()).filter(|row| reaches(values[*row])).collect();
            prop_assert_eq!(found, all);
        }
    }
}
