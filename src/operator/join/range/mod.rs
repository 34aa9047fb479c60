//! Joins by comparison: `a.at BETWEEN b.start AND b.end`, `a.x < b.y`.
//!
//! ```text
//! filter ──► Bounds: one or two comparisons of a held value with a streamed one      (bounds.rs)
//! build ───► RangeTable: rows sorted by the first, the largest of the second above   (range_table.rs, highest.rs)
//!               ▲            values as numbers, or as bytes                           (ordered.rs)
//! probe ────────┴─► TableJoin: pairs, those of them that fulfil the rest of the filter ─► rows   (exec.rs, table/)
//! ```
//!
//! The engine's nested-loop join compares every build row with every probe row: a million of each are a trillion
//! comparisons. Here a probe row looks at the rows it meets, and at a few more.

mod bounds;
mod exec;
mod highest;
mod ordered;
mod range_table;

pub(super) use bounds::Bounds;
pub(super) use exec::{RangeJoinExec, ranged};
