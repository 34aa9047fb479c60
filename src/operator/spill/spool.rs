//! Rows on disk in the order they came.

use std::mem;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::Result;
use datafusion::execution::TaskContext;

use super::compact::compact;
use super::metrics::SpillFigures;
use super::partitioner::BATCH_BYTES;
use super::segment::{Segment, SegmentFile};
use crate::memory::row_bytes;

/// So many bytes on disk share a file, which goes when the last of its batches has been dropped: what has been read is
/// given back while there is more.
const FILE_BYTES: u64 = if cfg!(test) { 4 << 10 } else { 256 << 20 };

/// A list of batches on disk, to be read in their order, or in the opposite one.
pub(in crate::operator) struct Spool {
    file: SegmentFile,
    segments: Vec<Segment>,
    rows: usize,
    batch_size: usize,
}

impl Spool {
    pub(in crate::operator) fn create(context: &TaskContext, figures: &SpillFigures) -> Result<Self> {
        let file = SegmentFile::create(context, figures.spill.clone())?;
        Ok(Self { file, segments: Vec::new(), rows: 0, batch_size: context.session_config().batch_size() })
    }

    /// Writes a batch, in pieces that are small enough to be read again.
    pub(in crate::operator) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let row = row_bytes(batch) / batch.num_rows().max(1);
        let at_once = (BATCH_BYTES / row.max(1)).clamp(1, self.batch_size);
        for first in (0..batch.num_rows()).step_by(at_once) {
            let piece = batch.slice(first, at_once.min(batch.num_rows() - first));
            let columns = piece.columns().iter().map(|column| compact(column.clone())).collect::<Result<_>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(piece.num_rows()));
            let piece = RecordBatch::try_new_with_options(batch.schema(), columns, &options)?;
            if self.file.length() >= FILE_BYTES {
                self.file = self.file.another()?;
            }
            self.segments.push(self.file.append(&piece)?);
        }
        self.rows += batch.num_rows();
        self.file.rest()
    }

    pub(in crate::operator) fn rows(&self) -> usize {
        self.rows
    }

    /// The batches in their order; the spool is empty then.
    pub(in crate::operator) fn take(&mut self) -> Vec<Segment> {
        mem::take(&mut self.segments)
    }

    /// The batches in their order, which stay.
    pub(in crate::operator) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The batches from the last to the first; the rows of each are in their order.
    pub(in crate::operator) fn reversed(&self) -> Vec<Segment> {
        self.segments.iter().rev().cloned().collect()
    }
}

/// Columns by their places, of `rows` rows.
pub(in crate::operator) fn unnamed(columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let fields = columns.iter().enumerate();
    let fields = fields.map(|(place, column)| Field::new(place.to_string(), column.data_type().clone(), true));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns, &options)?)
}
