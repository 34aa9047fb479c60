//! Physical operators of ours, one a file: what the engine's own do not keep to.
//!
//! `CommitExec` makes a write all or nothing, `PartitionKeysExec` guards its folders; [`AtomicWrites`] is the rule that
//! puts them into plans. `SpillingHashJoinExec` is a hash join whose build side may be larger than memory.

mod atomic_writes;
mod commit;
mod hash_join;
mod partition_keys;
mod staging;
mod staging_store;

pub(crate) use atomic_writes::AtomicWrites;
pub(crate) use hash_join::SpillingHashJoinExec;
pub(crate) use staging::Staging;
