//! Physical operators of ours, one a file: what the engine's own do not keep to.
//!
//! `CommitExec` makes a write all or nothing, `WriteInputExec` feeds it; [`AtomicWrites`] is the rule that
//! puts them into plans.

mod atomic_writes;
mod commit;
mod partitioned_parquet;
mod staging;
mod staging_store;
mod write_input;

pub(crate) use atomic_writes::AtomicWrites;
pub(crate) use staging::Staging;
