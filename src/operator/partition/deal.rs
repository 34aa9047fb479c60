//! Rows dealt out evenly although they travel in batches.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::map::MapFunction;
use crate::error::Result;
use crate::memory::compact;

/// Cuts the first `parts` batches of each stream into `parts` slices each; the others pass whole.
///
/// The engine deals whole batches in turn: of a frame of one batch all rows would come into one partition of eight. A
/// long stream is even enough in batches, and not copied.
pub(super) fn deal(parts: usize) -> MapFunction {
    MapFunction::new(Arc::new(move |batches: BoxStream<'static, Result<RecordBatch>>, _| {
        let cut = batches.enumerate().map(move |(number, batch)| match batch {
            Ok(batch) if number < parts => slices(&batch, parts),
            whole => vec![whole],
        });
        cut.flat_map(futures::stream::iter).boxed()
    }))
}

/// Copies: slices that share a batch would each count, and hold, all of it.
fn slices(batch: &RecordBatch, parts: usize) -> Vec<Result<RecordBatch>> {
    let start = |part: usize| part * batch.num_rows() / parts;
    let ranges = (0..parts).map(|part| (start(part), start(part + 1) - start(part)));
    let slice = |(start, rows)| Ok(compact(&batch.slice(start, rows))?);
    ranges.filter(|(_, rows)| *rows > 0).map(slice).collect()
}
