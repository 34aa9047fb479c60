//! A hash join that goes through disk when its build side does not fit the budget.
//!
//! ```text
//!                      all of the build side fits
//! build ─► BuildSide ─────────────────────────────► HashJoinExec ─► rows        (attempt.rs)
//!              │                                        ▲ probe
//!              │ the budget refuses
//!              ▼
//!          partitions on disk ◄─ by hash of the keys ─ probe                    (spill/partitioner.rs)
//!              │ pair by pair
//!              ├─ the build partition fits ──► HashJoinExec ─► rows             (grace.rs)
//!              ├─ it does not ──► partitioned again, with another hash seed
//!              └─ no hash can split it ──► blocks of build rows, the probe side read again for each   (blocks.rs)
//! ```
//!
//! Nothing here compares keys: every match is found by the engine's own `HashJoinExec`, on a part of the input.

mod attempt;
mod blocks;
mod build_side;
mod exec;
mod grace;
mod order;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use exec::SpillingHashJoinExec;
