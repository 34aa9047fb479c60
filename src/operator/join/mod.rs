//! A join that goes through disk when its build side does not fit the budget.
//!
//! ```text
//!                      all of the build side fits
//! build ─► BuildSide ─────────────────────────────► engine's join ─► rows       (attempt.rs)
//!              │                                        ▲ probe
//!              │ the budget refuses
//!              ▼
//!          partitions ◄─ by hash of the keys ─ probe                            (spill/partitioner.rs)
//!              │ the first of them, as far as memory goes: hash table, probe rows past it as they come  (spill/kept.rs)
//!              │ the rest on disk,
//!              │ pair by pair
//!              ├─ the smaller of both fits ──► hash table, the other past it ─► rows  (grace.rs, table/)
//!              ├─ it does not ──► partitioned again, with another hash seed
//!              └─ no hash can split it ──► blocks of build rows, the probe side read again for each   (blocks.rs)
//! ```
//!
//! What fits as a whole, and blocks, are joined by the engine's own `HashJoinExec`. A join without keys,
//! whose rows no hash can split, is the engine's `NestedLoopJoinExec` on a block at a time; where its filter compares
//! the two sides (`a.at BETWEEN b.start AND b.end`), partners are looked up in a sorted block instead (range/).

mod attempt;
mod blocks;
mod build_side;
mod engine_join;
mod exec;
mod grace;
mod not_in;
mod order;
mod range;
mod shape;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use engine_join::EngineJoin;
pub(crate) use exec::SpillingJoinExec;
