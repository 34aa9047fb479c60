//! The memory limit: how many bytes, who holds them, and where they go when there are too many.
//!
//! ```text
//!            memory limit (resident bytes of the process)
//!  ├──────────────── capacity of the budget ───────────────┤── headroom ──┤
//!  │ spillable consumers │ consumers that │    protected   │ code, stacks, │
//!  │  (sorts, groups)    │  cannot spill  │     reserve    │ scan buffers  │
//! ```
//!
//! [`Budget`] is the engine's memory pool, `resident` tells what the process really holds, [`SpillFolder`] is the
//! private folder that spill files live in. `Memory` ties the three to one runtime; nothing else in the crate builds
//! pools or disk managers. A `Store` keeps the batches of a table, wherever there is room.

mod block;
mod budget;
mod codec;
mod compact;
mod decode;
mod evict;
mod file_pages;
mod gather;
mod limit;
mod mapping;
mod owned_folder;
pub(crate) mod resident;
mod row_bytes;
mod runtime;
mod spill_folder;
mod store;

pub(crate) use block::{checksum, encode};
pub use budget::{Budget, Holder};
pub(crate) use codec::Codec;
pub(crate) use compact::compact;
pub(crate) use decode::decode;
pub(crate) use gather::{BYTES_OF_ROW, Gather, rows_of_batch};
pub use limit::MemoryLimit;
pub(crate) use limit::bytes;
pub use limit::parse_bytes;
pub(crate) use mapping::Mapping;
pub(crate) use owned_folder::OwnedFolder;
pub use resident::set_purge;
pub(crate) use row_bytes::{ALLOCATION, COLUMN, copied_bytes, row_bytes};
pub(crate) use runtime::Memory;
pub use spill_folder::SpillFolder;
pub(crate) use store::{Store, StoredBatch};
