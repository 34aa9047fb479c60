//! Window functions that need to see the whole of a partition, one partition after the other.
//!
//! ```text
//! input, sorted ─► whole partitions, some thousand rows of them ─► WindowExpr::evaluate ─► rows       (stream.rs)
//!                       │ one alone does not fit
//!                       ▼
//!                  the partition on disk                                                              (large.rs)
//!                       ├─ forward:  functions that look back, by the engine's BoundedWindowAggExec
//!                       ├─ backward: functions that look ahead, the same with the order turned round
//!                       ├─ one value: aggregates of all rows, taken while the rows were written
//!                       └─ by number: ntile, percent_rank, cume_dist, from the number of rows          (numbered.rs)
//! ```
//!
//! The engine's own operator holds all of its input, partitions and all, and tells nobody.

mod exec;
mod large;
mod numbered;
mod stream;

pub(crate) use exec::SpillingWindowExec;
