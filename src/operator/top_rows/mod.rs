//! The first rows of an order when they are too many to be held.
//!
//! ```text
//! input ─► Cutoff ─► the engine's sort, which spills ─► the first rows
//!             └─ rows that cannot be among them any more go no further
//! ```

mod cutoff;
mod exec;

pub(crate) use exec::TopRowsExec;
