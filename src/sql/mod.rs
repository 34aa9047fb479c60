//! Text in: statements with spans, statements of our own, parameters, options, errors with a place.

mod cache;
mod change;
mod create_table;
mod define;
mod diagnose;
mod function;
mod parameter;
mod rewrite;
mod setting;
mod split;
mod statement;
mod summarize;

pub(crate) use cache::{Cached, cache_table, forget_cached, uncache_table};
pub(crate) use define::{Effect, define, drawing, normalize, use_schema};
pub(crate) use diagnose::diagnose;
pub(crate) use function::{FunctionStatement, parse_expression};
pub use parameter::Parameters;
pub(crate) use rewrite::normal;
pub(crate) use setting::Settings;
pub(crate) use split::tokens;
pub use split::{Piece, is_complete, split};
pub(crate) use statement::{Statement, is_query, parse};
pub(crate) use summarize::{row_per_column, summarize};

/// The number of rows that a statement says it has written: its `count` column.
pub(crate) fn written(batch: &datafusion::arrow::record_batch::RecordBatch) -> u64 {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::UInt64Type;
    let counts = batch.columns().first().and_then(|column| column.as_primitive_opt::<UInt64Type>());
    counts.map_or(0, |counts| counts.iter().flatten().sum())
}
