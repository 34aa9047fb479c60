//! Rows out: a terminal, a pipe, a file.
//!
//! A [`Sink`] takes the batches of one result in order, one at a time, and holds a bounded amount.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use crate::error::Result;

/// Where the rows of one result go.
///
/// The order of calls is `begin`, any number of `write`, `finish`; a sink that is dropped before `finish` leaves
/// nothing half done where that can be avoided (files are written under a temporary name).
pub trait Sink: Send {
    /// Takes the schema before any row.
    fn begin(&mut self, schema: &SchemaRef) -> Result<()>;

    /// Takes the next batch.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Ends the result: footers, flushes, renames.
    fn finish(&mut self) -> Result<()>;
}
