//! Two sides joined in memory: the rows of one are held in a hash table, those of the other streamed past it.
//!
//! ```text
//! held side ────► HashTable: rows in the order of their buckets                       (hash_table.rs)
//!                    ▲ keys compared as numbers, or as bytes                          (keys.rs)
//! streamed side ──► Passing: pairs of rows with equal keys                            (passing.rs)
//!                    ├─► residual filter ─► pairs ─► rows of both sides               (output.rs)
//!                    └─► who has met somebody ─► rows of one side, padded or marked
//! ```
//!
//! Partners are found in a [`Table`]: the hash table here, or that of [`range`](super::range), sorted by what is compared.
//!
//! Either side may be held: the smaller one is. The engine's own join holds the build side alone, walks a chain for
//! every row, and copies what comes out twice; measured on a self join of 60 million rows, a pair took it three times
//! as long.

mod hash_table;
mod keys;
mod output;
mod passing;
mod table_join;

pub(super) use hash_table::HashTable;
pub(super) use passing::{Pairs, Passing, Walk};
pub(super) use table_join::{Table, TableJoin};
