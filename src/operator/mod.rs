//! Physical operators of ours, one a file: what the engine's own do not keep to.
//!
//! `CommitExec` makes a write all or nothing, `PartitionKeysExec` guards its folders; [`AtomicWrites`] is the rule that
//! puts them into plans.

mod atomic_writes;
mod commit;
mod partition_keys;
mod staging;
mod staging_store;

pub(crate) use atomic_writes::AtomicWrites;
pub(crate) use staging::Staging;
