//! `.limits`: what may be held, what is, and by whom.

use super::{Action, Desk};
use crate::error::Result;
use crate::memory::{bytes, resident};

/// How many holders of the budget are named.
const TOP: usize = 5;

pub(super) fn limits(desk: &mut Desk<'_>, _: &[&str]) -> Result<Action> {
    let context = desk.runner.context();
    let memory = context.memory();
    let holders = memory.budget.holders();
    let reserved: usize = holders.iter().map(|holder| holder.reserved).sum();
    let rows = [
        ("memory limit", bytes(context.memory_limit().bytes())),
        ("resident now", bytes(resident::current())),
        ("resident at most", bytes(resident::peak())),
        ("budget of operators", bytes(memory.budget.capacity() as u64)),
        ("reserved now", bytes(reserved as u64)),
        ("spill folder", memory.folder.path().display().to_string()),
        ("spill limit", bytes(memory.spill_limit())),
        ("spilled now", bytes(memory.spilled_now())),
        ("threads", context.threads().to_string()),
    ];
    for (name, value) in rows {
        writeln!(desk.out, "{name:<20} {value}")?;
    }
    for holder in holders.iter().filter(|holder| holder.reserved > 0).take(TOP) {
        let spills = if holder.spills { "spills" } else { "cannot spill" };
        writeln!(desk.out, "  {:<18} {} ({spills})", bytes(holder.reserved as u64), holder.name)?;
    }
    Ok(Action::Done)
}
