//! Where a table's rows come from: files by path, format and options, folders of tables, generators.
//!
//! ```text
//! CREATE EXTERNAL TABLE ─ external ─┐
//! FROM 'path', read_csv(…) ─ relation ─┼─► Source ─► location (which files) ─► schema (which columns) ─► table (scan)
//! Source::csv(…), --load DIR ──────────┘
//! ```
//!
//! A [`Source`] is a description; [`Source::provider`] looks at the files and makes the table. CSV is read by `csv/`,
//! JSON by the engine with our errors on top, Parquet, Arrow and Avro by the engine; `parquet/` has what wide row groups
//! need. `stored` holds the tables that CREATE TABLE makes.

mod avro;
mod builder;
mod call;
mod columns;
mod csv;
mod estimate;
mod external;
mod folder;
mod format;
mod hive;
mod json;
mod kept;
mod location;
mod options;
mod parquet;
mod pattern;
mod relation;
mod schema;
mod statistics;
mod stored;
mod table;
mod tpch;

pub use builder::{Paths, Source};
pub(crate) use external::install;
pub use folder::load_dir;
pub(crate) use kept::KeptFiles;
pub use options::{OnBadValue, OptionValue};
pub(crate) use parquet::{ManyFiles, Totals, WideFile, file_scan, twin};
pub(crate) use relation::{name_self, resolve};
pub(crate) use stored::{CachedTable, Change, ChangeTarget, PersistedTable, StoredTable, hash_keys};

use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;

/// Whether rows of the table cost little to read again, and a few columns of them less than all.
pub(crate) fn is_columnar(table: &dyn TableProvider) -> bool {
    let files = table.downcast_ref::<table::FileTable>().is_some_and(table::FileTable::is_columnar);
    files || table.is::<StoredTable>() || table.is::<CachedTable>() || table.is::<MemTable>()
}
