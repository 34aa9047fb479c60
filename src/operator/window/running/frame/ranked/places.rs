//! Which of several slots has the value at a place.

/// How many values each of some slots has, which are in the order of their values, and one slot that was looked at last.
///
/// ```text
/// lens     7  3  0  5  9
///         └below┘  at            the 12th value is the 2nd of the slot `at`
/// ```
///
/// Places that are asked for lie near one another, as those of frames do that move by a row: the way from the last slot
/// is short.
#[derive(Debug, Default)]
pub(super) struct Places {
    lens: Vec<usize>,
    at: usize,
    /// The values of the slots before `at`.
    below: usize,
}

impl Places {
    pub(super) fn new(slots: usize) -> Self {
        Self { lens: vec![0; slots], at: 0, below: 0 }
    }

    /// A slot has one value more.
    pub(super) fn add(&mut self, slot: usize) {
        self.lens[slot] += 1;
        self.below += usize::from(slot < self.at);
    }

    /// A slot has one value less.
    pub(super) fn take_away(&mut self, slot: usize) {
        self.lens[slot] -= 1;
        self.below -= usize::from(slot < self.at);
    }

    /// A slot becomes two, the first of which has `first` of its values.
    pub(super) fn split(&mut self, slot: usize, first: usize) {
        let rest = self.lens[slot] - first;
        self.lens[slot] = first;
        self.lens.insert(slot + 1, rest);
        self.at += usize::from(slot < self.at);
    }

    /// A slot that has no value goes.
    pub(super) fn drop_slot(&mut self, slot: usize) {
        self.lens.remove(slot);
        self.at -= usize::from(slot < self.at);
    }

    /// The slot with the value at `place`, and its place there; none where there are not so many values.
    pub(super) fn find(&mut self, place: usize) -> Option<(usize, usize)> {
        while place < self.below {
            self.at -= 1;
            self.below -= self.lens[self.at];
        }
        while place - self.below >= *self.lens.get(self.at)? {
            if self.at + 1 == self.lens.len() {
                return None;
            }
            self.below += self.lens[self.at];
            self.at += 1;
        }
        Some((self.at, place - self.below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_over_all_slots() {
        let mut places = Places::new(4);
        [0, 0, 1, 3, 3, 3].into_iter().for_each(|slot| places.add(slot));
        let all = |places: &mut Places| (0..7).map(|place| places.find(place)).collect::<Vec<_>>();
        let expected = [Some((0, 0)), Some((0, 1)), Some((1, 0)), Some((3, 0)), Some((3, 1)), Some((3, 2)), None];
        assert_eq!(all(&mut places), expected);
        places.split(0, 1);
        places.take_away(2);
        places.drop_slot(2);
        let expected = [Some((0, 0)), Some((1, 0)), Some((3, 0)), Some((3, 1)), Some((3, 2)), None, None];
        assert_eq!(all(&mut places), expected);
        assert_eq!(places.find(1), Some((1, 0)));
        assert_eq!(Places::default().find(0), None);
    }
}
