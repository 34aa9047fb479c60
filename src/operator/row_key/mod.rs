//! Rows as one column of bytes: keys of very many columns, and the first row of a group.
//!
//! Hash tables, partitioners and exchanges work column by column: of rows of a thousand columns, which come a few dozen
//! at a time, they make a thousand arrays of a few hundred bytes for every step, and more pages of the allocator are held
//! than have anything in them. As a key of bytes a row is one piece, copied by one call:
//!
//! ```text
//! c0 │ c1 │ … │ c999          row_key                          c0 │ c1 │ … │ c999
//! ───┼────┼───┼──────  RowKey ─────────────── KeyColumnsExec  ───┼────┼───┼──────
//!  7 │  a │   │    3    →     01 80 00 … 83        →             7 │  a │   │    3
//!  8 │    │   │    4          01 80 00 … 84                      8 │    │   │    4
//! ```
//!
//! The bytes are those of [`arrow::row`](datafusion::arrow::row): of a group, the same exactly where the values are equal;
//! of a first row, what comes back as it was.

mod columns;
mod encoding;
mod expr;
mod first_row;
mod keys;

pub(crate) use columns::{ColumnSource, KeyColumns, KeyColumnsExec};
pub(crate) use encoding::KeyEncoding;
pub(super) use encoding::comes_back_plain;
pub(crate) use expr::RowKey;
pub(crate) use first_row::{FIRST_ROW, first_row};
pub(crate) use keys::{RowKeys, RowKeysExec};
