//! Pages of files that were let go and will be back.

use std::sync::atomic::{AtomicU64, Ordering};

/// The pages of the program's file come back when its code runs, a megabyte in a millisecond. Right after they were let
/// go there seems to be room for operators that there is not.
///
/// ```text
/// pages of files   ██████████▁▂▃▅▆███▁▃▄▆▇██▁
///                  start     ┴ let go ┴      ┴
///                             ╰ what came back meanwhile is what is needed
/// ```
#[derive(Debug, Default)]
pub(super) struct FilePages {
    /// How many bytes were there after they were let go.
    left: AtomicU64,
    /// How many were let go last.
    gone: AtomicU64,
    /// The lesser of those of the last two times: the first time most of them were needed for the start.
    needed: AtomicU64,
}

impl FilePages {
    /// They are let go: there were `before` bytes, and `after`.
    pub(super) fn let_go(&self, before: u64, after: u64) {
        let gone = before.saturating_sub(after);
        let needed = gone.min(self.gone.swap(gone, Ordering::Relaxed));
        self.needed.store(needed, Ordering::Relaxed);
        self.left.store(after, Ordering::Relaxed);
    }

    /// What comes needs other code.
    pub(super) fn forget(&self) {
        self.gone.store(0, Ordering::Relaxed);
        self.needed.store(0, Ordering::Relaxed);
    }

    /// How many bytes are still to come, where there are `now` bytes.
    pub(super) fn to_come(&self, now: impl FnOnce() -> u64) -> u64 {
        match self.needed.load(Ordering::Relaxed) {
            0 => 0,
            needed => needed.saturating_sub(now().saturating_sub(self.left.load(Ordering::Relaxed))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_once_is_expected_again() {
        let pages = FilePages::default();
        assert_eq!(pages.to_come(|| 60), 0);
        pages.let_go(60, 10);
        assert_eq!(pages.to_come(|| 10), 0);
        pages.let_go(30, 12);
        assert_eq!([12, 20, 40].map(|now| pages.to_come(|| now)), [18, 10, 0]);
        pages.let_go(20, 12);
        assert_eq!(pages.to_come(|| 12), 8);
        pages.forget();
        assert_eq!(pages.to_come(|| 12), 0);
    }
}
