//! A grouped aggregate that goes through disk when its groups do not fit the budget.
//!
//! ```text
//!                  all groups fit
//! input ─► Table ──────────────────────────────────────────────────► rows     (stream.rs)
//!            │ the budget refuses: states of all groups
//!            ▼
//!        partitions on disk, by hash of the group ◄─ again and again
//!            │ after the input, one by one
//!            ├─ its groups fit ──► Table ──► rows
//!            ├─ they do not ──► partitioned again, with another hash seed
//!            └─ it is one group ──► its values sorted, for a quantile           (large_group.rs, sorted.rs)
//! ```
//!
//! Without groups, the engine's aggregate is bounded for all functions but a few; quantiles are taken from it (whole.rs).
//!
//! Groups are found and aggregated by the engine's own `GroupValues` and `GroupsAccumulator`s. The engine's way to disk
//! sorts states and merges the runs; that takes memory for every run at the end, and dies of it.

mod exec;
mod extreme;
mod large_group;
mod shape;
mod sorted;
mod stream;
mod table;
mod whole;

pub(crate) use exec::{Aggregate, keeps_every_value};
pub(crate) use shape::wants_all_rows;
pub(in crate::operator) use shape::{collects, quantile};
pub(in crate::operator) use sorted::{Sorted, can_be_sorted, known_digits, values_only};
