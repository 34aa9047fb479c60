//! Sorts of any number of rows.
//!
//! ```text
//! batches ─► Chunk, up to 64 MB ─► SortedChunk ─┬─► (all of it, where nothing was refused) ─┐
//!            rows and their keys   the order     │ the budget refuses                       ├─► merge ─► rows
//!                                                └─► a run on disk ─► merged, a few at a    ─┘
//!                                                                     time, until few are left
//! ```
//!
//! The engine sorts each batch of 8,192 rows and merges all of them: a merge of thousands of streams, whose every
//! comparison misses the cache. Here a chunk is sorted as a whole, by eight bytes of each row's key that tell most rows
//! apart ([`chunk`]), and few chunks are left to merge.

mod chunk;
mod exec;
mod merge;
mod sorter;

pub(crate) use exec::Sorting;
pub(in crate::operator) use sorter::Sort;
