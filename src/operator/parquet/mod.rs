//! Writes of Parquet files inside the budget.
//!
//! ```text
//! rows ─► ParquetFile ─► a column writer for each column, worked on by all threads
//!                          │ a row group ends by its rows, by its bytes, or when the budget refuses more
//!                          └─► the file
//! ```
//!
//! Where there are so many columns that those of a row group in memory would be of a few values each, pages wait on disk
//! ([`PagesOnDisk`](pages::PagesOnDisk)).
//!
//! The engine's writer of several threads ends a row group by its rows alone, and fails when it is refused memory.
//! [`ParquetFiles`] writes one file or several, as the engine deals out the rows; [`PartitionedParquet`] the folders of
//! partition columns, one file after the other.

mod columns;
mod file;
mod files;
mod options;
mod pages;
mod partitioned;

pub(crate) use files::ParquetFiles;
pub(crate) use partitioned::PartitionedParquet;
