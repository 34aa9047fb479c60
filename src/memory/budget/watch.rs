//! A thread that looks at the resident size while queries run.

use std::sync::Weak;
use std::thread::{self, Thread};
use std::time::Duration;

use super::Budget;

/// Two looks lie so far apart: a scan on two threads decodes a few megabytes meanwhile. A look takes 3 µs.
const INTERVAL: Duration = Duration::from_millis(4);

/// After so many looks at a size that stays, while there is no operator, nobody looks until one comes.
const LOOKS: u32 = 500;

/// The resident size moves by less for other reasons than a query.
const STILL: u64 = 256 << 10;

/// Looks at the resident size for a [`Budget`], so that free memory is given back when it nears the limit.
///
/// Who reserves memory has the budget look; but scans, aggregates of every value, or writers of files decode and free
/// megabytes without a word to it, and what they have freed stays with the allocator.
///
/// ```text
/// looks   │ │ │ │ │ │ │ │ │           │ │ │ │ │
/// query    ▁▂▄▆███▇▅▂____ the size      ▂▅▇█▆▃
///                         stays: sleep ┴ an operator registers
/// ```
#[derive(Debug)]
pub(super) struct Watch {
    thread: Option<Thread>,
}

impl Watch {
    /// A thread for the budget, which ends with it.
    pub(super) fn start(budget: Weak<Budget>) -> Self {
        let thread = thread::Builder::new().name("memory".into()).spawn(move || watch(&budget));
        // Without it, memory is given back when somebody asks for more.
        Self { thread: thread.ok().map(|thread| thread.thread().clone()) }
    }

    /// There is an operator. One that comes before the thread sleeps is not missed: it does not sleep then.
    pub(super) fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wake();
    }
}

fn watch(budget: &Weak<Budget>) {
    let (mut last, mut still) = (0, 0);
    while let Some((resident, idle)) = budget.upgrade().map(|budget| (budget.look(), budget.is_idle())) {
        still = if idle && resident.abs_diff(last) < STILL { still + 1 } else { 0 };
        last = if still == 0 { resident } else { last };
        if still < LOOKS {
            thread::sleep(INTERVAL);
        } else {
            thread::park();
            still = 0;
        }
    }
}
