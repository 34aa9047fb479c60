//! Where a table's rows come from: files by path, format and options, folders of tables, generators.
//!
//! ```text
//! CREATE EXTERNAL TABLE ─ external ─┐
//! FROM 'path', read_csv(…) ─ relation ─┼─► Source ─► location (which files) ─► schema (which columns) ─► table (scan)
//! Source::csv(…), --load DIR ──────────┘
//! ```
//!
//! A [`Source`] is a description; [`Source::provider`] looks at the files and makes the table. CSV is read by `csv/`,
//! JSON by the engine with our errors on top, Parquet, Arrow and Avro by the engine. `stored` holds the tables that
//! CREATE TABLE makes.

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
mod pattern;
mod relation;
mod schema;
mod stored;
mod table;
mod tpch;

pub use builder::{Paths, Source};
pub(crate) use external::install;
pub use folder::load_dir;
pub(crate) use kept::KeptFiles;
pub use options::{OnBadValue, OptionValue};
pub(crate) use relation::{name_self, resolve};
pub(crate) use stored::{CachedTable, Change, ChangeTarget, PersistedTable, StoredTable, hash_keys};
