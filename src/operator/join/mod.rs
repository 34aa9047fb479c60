//! A join that goes through disk when its build side does not fit the budget.
//!
//! ```text
//!                      all of the build side fits
//! build ─► BuildSide ─────────────────────────────► engine's join ─► rows       (attempt.rs)
//!              │                                        ▲ probe
//!              │ the budget refuses
//!              ▼
//!          partitions on disk ◄─ by hash of the keys ─ probe                    (spill/partitioner.rs)
//!              │ pair by pair
//!              ├─ the build partition fits ──► engine's join ─► rows             (grace.rs)
//!              ├─ it does not ──► partitioned again, with another hash seed
//!              └─ no hash can split it ──► blocks of build rows, the probe side read again for each   (blocks.rs)
//! ```
//!
//! Nothing here compares keys: every match is found by the engine's own `HashJoinExec`, on a part of the input. Nor
//! are filters looked at: a join without keys, whose rows no hash can split, is the engine's `NestedLoopJoinExec` on a
//! block at a time.

mod attempt;
mod blocks;
mod build_side;
mod engine_join;
mod exec;
mod grace;
mod order;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use engine_join::EngineJoin;
pub(crate) use exec::SpillingJoinExec;
