//! Who reads which files next.

use std::collections::VecDeque;
use std::ops::Range;

use parking_lot::Mutex;

/// A group has so many turns at least, if it has as many files: other partitions take some.
const AT_LEAST: usize = 8;

/// The files of each group, in turns of some of them.
#[derive(Debug)]
pub(super) struct Turns {
    left: Mutex<Vec<VecDeque<Range<usize>>>>,
    /// Whether a partition takes turns of another one's group when its own is through.
    shared: bool,
}

impl Turns {
    /// Turns of `at_a_time` files at most, of groups of so many.
    pub(super) fn new(groups: impl Iterator<Item = usize>, at_a_time: usize, shared: bool) -> Self {
        let turns = |files: usize| {
            let at_a_time = files.div_ceil(AT_LEAST).clamp(1, at_a_time);
            (0..files).step_by(at_a_time).map(move |first| first..files.min(first + at_a_time))
        };
        Self { left: Mutex::new(groups.map(|files| turns(files).collect()).collect()), shared }
    }

    /// The next turn of a partition: a group, and its files.
    pub(super) fn next(&self, partition: usize) -> Option<(usize, Range<usize>)> {
        let mut left = self.left.lock();
        if let Some(files) = left.get_mut(partition)?.pop_front() {
            return Some((partition, files));
        }
        let (group, turns) = left.iter_mut().enumerate().max_by_key(|(_, turns)| turns.len())?;
        // The last one: its own partition comes to it last.
        let files = if self.shared { turns.pop_back() } else { None };
        files.map(|files| (group, files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_one_turn() {
        let turns = Turns::new([19, 0, 2].into_iter(), 2, true);
        let mut taken: Vec<_> = std::iter::from_fn(|| turns.next(1)).collect();
        assert_eq!(taken[..2], [(0, 18..19), (0, 16..18)], "the last of the group that has most left");
        taken.sort_by_key(|(group, files)| (*group, files.start));
        assert_eq!(taken.iter().map(|(_, files)| files.len()).sum::<usize>(), 21);
        assert_eq!(taken[10..], [(2, 0..1), (2, 1..2)]);
        let turns = Turns::new([5, 0, 90].into_iter(), 4, false);
        assert_eq!(turns.next(1), None);
        assert_eq!(turns.next(0), Some((0, 0..1)));
        assert_eq!(std::iter::from_fn(|| turns.next(2)).map(|(_, files)| files.len()).max(), Some(4));
        assert_eq!(turns.next(7), None);
    }
}
