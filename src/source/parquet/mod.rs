//! Parquet files whose row groups are wide: read by pieces of a row group instead of a whole one.
//!
//! The engine reads all wanted columns of a row group before it decodes the first row. Where they have a gigabyte, that
//! is what the scan holds, and tells nobody. Where it is told which rows it wants, it reads the pages of those rows
//! alone, if it knows where pages begin: many files say so in a page index, and of others the headers of their pages do.
//!
//! ```text
//! scan is planned ─► footers ─► a row group is wide ─► where its pages begin ─► WideFile, kept with the file
//!                  (footers.rs)                              (pages.rs, header.rs)          │
//!                                                                                           │ plan/paged_scans.rs
//! row group of 1 GB ═► rows 0 … 20 000 │ rows 20 000 … 40 000 │ …: each a file of its own to the engine
//! ```
//!
//! Where it cannot be found out which rows a page has, local files are mapped ([`mapped`]).

mod footers;
mod header;
mod many;
mod mapped;
mod pages;
mod reader;
mod totals;
mod turns;
mod twin;
mod wide;

pub(crate) use many::{ManyFiles, file_scan};
pub(crate) use totals::Totals;
pub(crate) use twin::twin;
pub(crate) use wide::{WideFile, mark_wide};
