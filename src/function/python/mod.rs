//! Functions in Python: real Python, in processes apart.
//!
//! ```text
//! partition ─ Call ─ columns (encode) ─┐            ┌─ worker.py: def f(a, b) for every row
//!                                      ├─ socket ───┤
//! partition ◄─ Array ─ decode ─────────┘            └─ reused by batches and queries, at most a thread's number
//! ```
//!
//! Functions of numbers that have no effect beside their result need no worker: `native` runs them in this process.
//!
//! `Workers` is the pool, `Worker` one process with its socket. Rows and NumPy columns travel in the plain columns of
//! `columns`, which the standard library reads as fast as pyarrow would; Arrow arrays travel as Arrow IPC.
//!
//! A worker is a process of its own: it can crash, run out of its memory, or never come back without harm to the
//! program. It is not a sandbox: it may read and write what the person may who started the program.

mod aggregate;
mod columns;
mod compile;
mod decode;
mod function;
mod kind;
mod native;
mod worker;
mod workers;

pub(super) use compile::compile;
pub(crate) use workers::Workers;
