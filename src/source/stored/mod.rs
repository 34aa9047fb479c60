//! Tables made by CREATE TABLE and CREATE TABLE AS: rows in memory while there is room, on disk otherwise.

mod append;
mod change;
mod partitions;
mod scan;
mod table;

pub(crate) use change::{Change, ChangeTarget};
pub(crate) use table::StoredTable;
