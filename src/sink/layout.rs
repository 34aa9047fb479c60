//! Which columns of a table fit a terminal, and how wide each is.

/// The narrowest a column of text, or a header, is cut to before whole columns are left out.
const NARROW: usize = 12;

/// What a column takes, in terminal columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// Its name and type.
    pub(super) header: usize,
    /// Its widest value.
    pub(super) values: usize,
    /// Whether values may be cut: text may, a number cut short is another number.
    pub(super) cuttable: bool,
}

impl Need {
    fn full(self) -> usize {
        self.header.max(self.values)
    }

    fn least(self) -> usize {
        if self.cuttable { self.full().min(NARROW) } else { self.values.max(self.header.min(NARROW)) }
    }
}

/// One column of the box that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The column of that number, that wide.
    Column(usize, usize),
    /// Where columns were left out.
    Gap,
}

impl Slot {
    pub(super) fn width(self) -> usize {
        match self {
            Slot::Column(_, width) => width,
            Slot::Gap => 1,
        }
    }
}

/// Chooses columns from both ends until no more fit into `room`, then shares what is left among those that want more,
/// the modest first.
///
/// ```text
/// │ a │ b │ c │ d │ e │   in less room:   │ a │ b │ … │ e │
/// ```
pub(super) fn layout(needs: &[Need], room: Option<usize>) -> Vec<Slot> {
    let Some(room) = room else {
        return needs.iter().enumerate().map(|(at, need)| Slot::Column(at, need.full())).collect();
    };
    let least = |slots: &[Slot]| total(slots) <= room;
    let chosen = (1..=needs.len()).rev().map(|count| choose(needs, count)).find(|slots| least(slots));
    let mut slots = chosen.unwrap_or_else(|| choose(needs, needs.len().min(1)));
    widen(&mut slots, needs, room);
    slots
}

/// The width of the whole box: a border, and per column its two spaces and a border.
fn total(slots: &[Slot]) -> usize {
    1 + slots.iter().map(|slot| slot.width() + 3).sum::<usize>()
}

/// The first half of `count` columns and the last, as narrow as they may be.
fn choose(needs: &[Need], count: usize) -> Vec<Slot> {
    let slot = |at: usize| Slot::Column(at, needs[at].least());
    let (left, right) = (count.div_ceil(2), needs.len() - count / 2);
    let gap = (count < needs.len()).then_some(Slot::Gap);
    (0..left).map(slot).chain(gap).chain((right..needs.len()).map(slot)).collect()
}

fn widen(slots: &mut [Slot], needs: &[Need], room: usize) {
    let mut spare = room.saturating_sub(total(slots));
    let mut wanting: Vec<_> = slots
        .iter_mut()
        .filter_map(|slot| match slot {
            Slot::Column(at, width) => Some((needs[*at].full() - *width, width)),
            Slot::Gap => None,
        })
        .collect();
    wanting.sort_by_key(|(want, _)| *want);
    let mut left = wanting.len();
    for (want, width) in wanting {
        let share = want.min(spare / left);
        *width += share;
        spare -= share;
        left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(width: usize) -> Need {
        Need { header: 1, values: width, cuttable: true }
    }

    fn number(width: usize) -> Need {
        Need { header: 1, values: width, cuttable: false }
    }

    #[test]
    fn what_fits_is_as_wide_as_it_wants() {
        assert_eq!(layout(&[text(5), number(3)], Some(80)), [Slot::Column(0, 5), Slot::Column(1, 3)]);
    }

    #[test]
    fn the_modest_get_all_and_the_greedy_the_rest() {
        let slots = layout(&[text(500), text(15), number(4)], Some(60));
        assert_eq!(slots, [Slot::Column(0, 31), Slot::Column(1, 15), Slot::Column(2, 4)]);
        assert_eq!(total(&slots), 60);
    }

    #[test]
    fn numbers_leave_whole() {
        let slots = layout(&[number(20); 5], Some(60));
        assert_eq!(slots, [Slot::Column(0, 20), Slot::Gap, Slot::Column(4, 20)]);
    }

    #[test]
    fn one_column_is_left_in_the_end() {
        assert_eq!(layout(&[number(20); 2], Some(10)), [Slot::Column(0, 20), Slot::Gap]);
        assert_eq!(layout(&[], Some(10)), []);
    }
}
