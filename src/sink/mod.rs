//! Rows out: a terminal, a pipe, a file.
//!
//! A [`Sink`] takes the batches of one result in order, one at a time, and holds a bounded amount. Formats for machines
//! stream every row, never cut and never colored; the [`table`](Format::Table) for people keeps the first and the last
//! rows. [`to_writer`] and [`to_file`] make sinks.

mod copy;
mod copy_syntax;
mod delimited;
mod file;
mod format;
mod json;
mod layout;
mod markdown;
mod output;
mod plan;
mod style;
mod table;
mod text;
mod vertical;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::Result;

pub(crate) use copy::{Words, copy_words, target_url};
pub(crate) use copy_syntax::copy_text;
pub use file::{FileFormat, file_format, to_file};
pub use format::{Format, to_writer};
pub use output::is_broken_pipe;
pub use style::Style;
pub use text::sql_type;

/// Where the rows of one result go.
///
/// The order of calls is `begin`, any number of `write`, `finish`; a sink that is dropped before `finish` leaves
/// nothing half done where that can be avoided (files are written under a temporary name).
///
/// ```
/// # use partita::sink::{Format, Style, to_writer};
/// # use datafusion::arrow::array::{Int64Array, RecordBatch};
/// # use std::sync::Arc;
/// let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2])) as _)]).unwrap();
/// let mut sink = to_writer(Format::Csv, &Style::default(), Box::new(std::io::stdout()));
/// sink.begin(&batch.schema())?;
/// sink.write(&batch)?;
/// sink.finish()?;
/// # Ok::<_, partita::Error>(())
/// ```
pub trait Sink: Send {
    /// Takes the schema before any row.
    fn begin(&mut self, schema: &SchemaRef) -> Result<()>;

    /// Takes the next batch.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Ends the result: footers, flushes, renames.
    fn finish(&mut self) -> Result<()>;
}
