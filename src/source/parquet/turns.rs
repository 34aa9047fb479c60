//! Who reads which files next.

use std::collections::VecDeque;
use std::ops::Range;

use parking_lot::Mutex;

/// The files of each group, in turns of some of them.
#[derive(Debug)]
pub(super) struct Turns {
    left: Mutex<Vec<VecDeque<Range<usize>>>>,
    /// Whether a partition takes turns of another one's group when its own is through.
    shared: bool,
}

impl Turns {
    /// Turns of `at_a_time` files, of groups of so many.
    pub(super) fn new(groups: impl Iterator<Item = usize>, at_a_time: usize, shared: bool) -> Self {
        let turns = |files: usize| (0..files).step_by(at_a_time).map(move |first| first..files.min(first + at_a_time));
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
        let turns = Turns::new([5, 0, 3].into_iter(), 2, true);
        let taken: Vec<_> = std::iter::from_fn(|| turns.next(1)).collect();
        assert_eq!(taken, [(0, 4..5), (2, 2..3), (0, 2..4), (2, 0..2), (0, 0..2)]);
        let turns = Turns::new([5, 0, 3].into_iter(), 2, false);
        assert_eq!(turns.next(1), None);
        assert_eq!(std::iter::from_fn(|| turns.next(0)).collect::<Vec<_>>(), [(0, 0..2), (0, 2..4), (0, 4..5)]);
        assert_eq!(turns.next(7), None);
    }
}
