//! Rows dealt out to partitions anew, by the hash of their keys or in turn.
//!
//! ```text
//! input 0 ─► BatchPartitioner ─┬─► batches of full size ─► Queue ─► output 0
//!                              ╳        (outputs.rs)         │
//! input 1 ─► BatchPartitioner ─┴─► batches of full size ─► Queue ─► output 1
//!   (producer.rs)                                            │
//!                                     the budget refuses: on disk, with a checksum, and back in its turn
//! ```
//!
//! A producer goes on as long as any output has nothing to read, so that none of them waits for rows; outputs that are
//! read more slowly grow meanwhile. Which row goes where is the engine's choice, which its joins and filters count on.
//!
//! The engine's own operator writes files without checksums, counts a batch's shared buffers for each of its pieces, and
//! can wait for ever when several producers write to files that one output reads (apache/datafusion#24883); and it makes
//! batches of so many rows, however long.

mod exec;
mod outputs;
mod producer;

pub(crate) use exec::Repartition;
