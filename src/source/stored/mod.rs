//! Tables made by CREATE TABLE, CREATE TABLE AS and CACHE TABLE, and persisted frames: rows in memory while there is room, on disk otherwise.

mod append;
mod cached;
mod change;
mod partitions;
mod persisted;
mod scan;
mod table;

pub(crate) use cached::CachedTable;
pub(crate) use change::{Change, ChangeTarget};
pub(crate) use persisted::{PersistedTable, hash_keys};
pub(crate) use table::StoredTable;
