//! Numbers in their order, of which the one at a place is asked for.

use std::mem;

use datafusion::arrow::datatypes::ArrowNativeTypeOp;

use super::places::Places;

/// So many numbers are moved to make place for one.
const BLOCK: usize = if cfg!(test) { 8 } else { 512 };

/// Numbers in blocks that are in order.
///
/// ```text
/// blocks     1 1 3 │ 4 7 │ 7 8 9 9        a new one goes into the first block that ends with it or behind it;
/// greatest       3     7         9        a block that is full becomes two
/// ```
///
/// A number comes or goes in the time that it takes to move those of a block, and the one at a place is near the one that
/// was asked for before.
pub(super) struct Multiset<N> {
    blocks: Vec<Vec<N>>,
    /// The last number of each block.
    greatest: Vec<N>,
    places: Places,
    len: usize,
}

impl<N: ArrowNativeTypeOp> Multiset<N> {
    pub(super) fn new() -> Self {
        Self { blocks: Vec::new(), greatest: Vec::new(), places: Places::default(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, number: N) {
        if self.blocks.is_empty() {
            self.blocks.push(Vec::new());
            self.greatest.push(number);
            self.places = Places::new(1);
        }
        let slot = self.slot(number).min(self.blocks.len() - 1);
        let block = &mut self.blocks[slot];
        block.insert(block.partition_point(|other| other.is_lt(number)), number);
        self.places.add(slot);
        self.len += 1;
        self.settle(slot);
    }

    /// Takes one number away that is equal to this one; whether there was any.
    pub(super) fn remove(&mut self, number: N) -> bool {
        let slot = self.slot(number);
        let Some(block) = self.blocks.get_mut(slot) else { return false };
        let place = block.partition_point(|other| other.is_lt(number));
        if !block.get(place).is_some_and(|other| other.is_eq(number)) {
            return false;
        }
        block.remove(place);
        self.places.take_away(slot);
        self.len -= 1;
        self.settle(slot);
        true
    }

    /// The first block that ends with the number, or behind it.
    fn slot(&self, number: N) -> usize {
        self.greatest.partition_point(|greatest| greatest.is_lt(number))
    }

    /// A block has changed: it may be too large, or empty.
    fn settle(&mut self, slot: usize) {
        let block = &mut self.blocks[slot];
        if block.len() > BLOCK {
            let rest = block.split_off(BLOCK / 2);
            self.greatest.insert(slot, block[BLOCK / 2 - 1]);
            self.places.split(slot, BLOCK / 2);
            self.blocks.insert(slot + 1, rest);
        }
        match self.blocks[slot].last() {
            Some(last) => self.greatest[slot] = *last,
            None => {
                self.blocks.remove(slot);
                self.greatest.remove(slot);
                self.places.drop_slot(slot);
            }
        }
        if let (Some(block), Some(greatest)) = (self.blocks.get(slot + 1), self.greatest.get_mut(slot + 1)) {
            *greatest = block[block.len() - 1];
        }
    }

    /// The number that has `place` others before it.
    pub(super) fn at(&mut self, place: usize) -> Option<N> {
        let (slot, place) = self.places.find(place)?;
        self.blocks.get(slot)?.get(place).copied()
    }

    /// The bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        match self.blocks.as_slice() {
            [only] => only.capacity() * size_of::<N>(),
            blocks => blocks.len() * (2 * BLOCK * size_of::<N>() + size_of::<Vec<N>>() + size_of::<N>()),
        }
    }

    /// All numbers in their order, block by block; it is empty then.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Vec<N>> + use<N> {
        mem::replace(self, Self::new()).blocks.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_number_at_a_place_is_that_of_a_sorted_list(
            steps in prop::collection::vec((prop::bool::weighted(0.6), 0..40i64, 0.0..1.0), 0..400),
        ) {
            let (mut multiset, mut list) = (Multiset::new(), Vec::<i64>::new());
            for (comes, number, place) in steps {
                let found = list.binary_search(&number);
                match comes {
                    true => {
                        list.insert(found.unwrap_or_else(|place| place), number);
                        multiset.insert(number);
                    }
                    false => {
                        prop_assert_eq!(multiset.remove(number), found.is_ok());
                        found.ok().map(|place| list.remove(place));
                    }
                }
                let place = (place * list.len() as f64) as usize;
                prop_assert_eq!(multiset.at(place), list.get(place).copied());
                prop_assert_eq!(multiset.at(list.len()), None);
                prop_assert_eq!(multiset.len(), list.len());
            }
            prop_assert_eq!(multiset.take().flatten().collect::<Vec<_>>(), list);
            prop_assert_eq!(multiset.len(), 0);
        }
    }
}
