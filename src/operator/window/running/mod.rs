//! Window functions that are found while rows are read in their order.
//!
//! ```text
//! batch, sorted ─┬─► waits in memory, or on disk ───────────────────────────────────┐ (log.rs)
//!                ├─► partitions and peers (parts.rs) ─► row_number, rank  (numbering)│
//!                │                                   ─► lag, lead            (shift) │
//!                │                                   ─► sums of numbers    (numbers) ├─► rows with all values
//!                │                                   ─► different values  (distinct) │   (stream.rs)
//!                │                                   ─► other totals so far  (total) │
//!                                                    ─► any other frame      (frame) ┘
//! ```
//!
//! The engine's own operator copies the rows of the frame for every batch, all columns of them; of texts it keeps what
//! it has pruned; it finds values one row at a time, and tells nobody what it holds. Here whatever waits, rows,
//! arguments or values, waits in a log, which goes to disk when the budget refuses.

mod budget;
mod distinct;
mod exec;
mod frame;
mod log;
mod numbering;
mod numbers;
mod parts;
mod shift;
mod stream;
mod total;
mod values;

pub(crate) use exec::RunningWindows;
pub(in crate::operator) use frame::aggregate_of;
pub(super) use frame::{joins, keeps_values};
pub(super) use parts::Changes;
pub(super) use stream::{Running, can_run};
