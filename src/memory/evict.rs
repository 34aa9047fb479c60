//! What the budget may ask of those that hold memory between queries.

use std::fmt::Debug;

/// A holder of memory that can leave for disk at any moment, when a query needs the room.
///
/// An operator spills when *its own* request is refused. A table in memory makes no requests while others ask, so that
/// the budget must be able to ask it.
pub(crate) trait Evict: Debug + Send + Sync {
    /// Moves batches to disk until about `bytes` are given back to the budget; tells how many were.
    ///
    /// Called on the thread of whoever needs the room, while no lock of the budget is held but the one that keeps
    /// evictions apart. So this must not ask the budget for memory itself, nor wait for a lock that somebody holds who
    /// does: reserve first, lock then.
    fn evict(&self, bytes: usize) -> usize;
}
