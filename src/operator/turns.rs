//! Plans that run one after the other.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// The turns of some plans, each of which has partitions: the next begins when all partitions of the one before have
/// ended, and after the last the first may begin again.
#[derive(Debug)]
struct Turns {
    partitions: Vec<usize>,
    /// Partitions that have not ended.
    left: Mutex<Vec<usize>>,
    /// The number of the plan that may run.
    current: watch::Sender<usize>,
}

/// That of one plan.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    number: usize,
}

impl Turn {
    /// Turns for plans of so many partitions, in their order.
    pub(crate) fn all(partitions: Vec<usize>) -> Vec<Self> {
        let (count, left) = (partitions.len(), Mutex::new(partitions.clone()));
        let turns = Arc::new(Turns { partitions, left, current: watch::Sender::new(0) });
        (0..count).map(|number| Self { turns: Arc::clone(&turns), number }).collect()
    }

    /// Waits until the plans before have ended.
    pub(crate) async fn wait(&self) {
        // The sender is as old as this.
        let _ = self.turns.current.subscribe().wait_for(|current| *current >= self.number).await;
    }

    /// To be kept as long as a partition runs, or waits.
    pub(crate) fn take(&self) -> Taken {
        Taken(self.clone())
    }
}

/// One partition of a plan in its turn.
#[derive(Debug)]
pub(crate) struct Taken(Turn);

impl Drop for Taken {
    fn drop(&mut self) {
        let Turn { turns, number } = &self.0;
        let mut left = turns.left.lock();
        left[*number] = left[*number].saturating_sub(1);
        match left.iter().position(|left| *left > 0) {
            Some(next) => drop(turns.current.send_if_modified(|current| {
                let moves = next > *current;
                *current = next.max(*current);
                moves
            })),
            None => {
                left.clone_from(&turns.partitions);
                turns.current.send_replace(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_turn_comes_when_those_before_have_ended() {
        let turns = Turn::all(vec![2, 1, 1]);
        let may = |number: usize| turns[number].wait().now_or_never().is_some();
        let (a, b, c, d) = (turns[0].take(), turns[0].take(), turns[1].take(), turns[2].take());
        assert!(may(0) && !may(1));
        drop(a);
        assert!(!may(1));
        // The third plan is not wanted.
        drop(d);
        drop(b);
        assert!(may(1) && !may(2));
        drop(c);
        assert!(may(0) && !may(1), "from the first again");
    }
}
