//! Recursive queries whose rows, or whose steps, do not fit into memory.
//!
//! ```text
//! first term ─► Fresh ─► Step ─► rows          Fresh: with UNION, only the rows never seen before     (fresh.rs)
//!                         │                     Step:  the rows of one step, in memory or on disk      (step.rs)
//!                         ▼
//!                   StepTable ─► recursive term ─► Fresh ─► Step ─► rows, until a step has none        (stream.rs)
//! ```
//!
//! The engine keeps both a step and all rows ever seen in memory, and fails where they do not fit.

mod exec;
mod fresh;
mod seen;
mod step;
mod step_exec;
mod stream;

pub(crate) use exec::SpillingRecursionExec;
