//! Window functions, one partition after the other.
//!
//! Functions that look back, or a few rows ahead, are found while rows are read: `running`. Those that need to see the
//! whole of a partition:
//!
//! ```text
//! input, sorted ─► whole partitions, some thousand rows of them ─► WindowExpr::evaluate ─► rows       (stream.rs)
//!                       │                                          (a list of all rows: once for all, evaluated.rs)
//!                       │                                          (aggregates to the end: turned, backward.rs)
//!                       │ one alone does not fit
//!                       ▼
//!                  the partition on disk                                                              (large.rs)
//!                       ├─ forward:  functions that look back                                         (running)
//!                       ├─ backward: functions that look ahead, the same with the order turned round  (running)
//!                       ├─ one value: aggregates of all rows, and one row's value, taken while the
//!                       │             rows were written                                     (whole.rs, picked.rs)
//!                       └─ by number: ntile, percent_rank, cume_dist, from the number of rows         (numbered.rs)
//! ```
//!
//! The engine's own operator holds all of its input, partitions and all, and tells nobody.

mod backward;
mod evaluated;
mod exec;
mod large;
mod numbered;
mod picked;
mod running;
mod stream;
mod whole;

pub(crate) use exec::PartitionWindows;
pub(crate) use running::RunningWindows;
pub(in crate::operator) use running::aggregate_of;
