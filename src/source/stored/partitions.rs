//! The rows of a stored table at one moment, and how a stream of batches becomes rows of a table.

use std::sync::Arc;

use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::error::Result;
use crate::memory::{BYTES_OF_ROW, Gather, Store, StoredBatch};

/// The batches of one partition in their order, and the store that new ones go to.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    pub(super) store: Arc<Store>,
    /// Shared with the queries that read them: a writer copies the list, not the rows.
    pub(super) batches: Arc<Vec<Arc<StoredBatch>>>,
}

impl Partition {
    pub(super) fn empty(store: Arc<Store>) -> Self {
        Self { store, batches: Arc::default() }
    }

    pub(super) fn rows(&self) -> usize {
        self.batches.iter().map(|batch| batch.rows()).sum()
    }
}

/// Makes a stream of batches into batches of a table: of its exact types, neither tiny nor kept alive by slices.
pub(super) struct Intake {
    schema: SchemaRef,
    gather: Gather,
}

impl Intake {
    /// For batches of about `batch_size` rows.
    pub(super) fn new(schema: SchemaRef, batch_size: usize) -> Self {
        Self { gather: Gather::new(SchemaRef::clone(&schema), batch_size), schema }
    }

    /// Takes a batch and gives those that are ready to be stored.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
        self.gather.push(conform(batch, &self.schema)?)?;
        Ok(self.ready())
    }

    /// The last rows.
    pub(super) fn finish(mut self) -> Result<Vec<RecordBatch>> {
        self.gather.finish()?;
        Ok(self.ready())
    }

    fn ready(&mut self) -> Vec<RecordBatch> {
        std::iter::from_fn(|| self.gather.next()).collect()
    }
}

/// The batch with the table's own fields: branches of a UNION differ in what may be NULL, and in names inside of lists.
///
/// Errors: NULL in a column that is NOT NULL.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let fields = schema.fields().iter();
    let columns = batch.columns().iter().zip(fields).map(|(column, field)| match column.data_type() {
        same if same == field.data_type() => Ok(Arc::clone(column)),
        _ => cast(column, field.data_type()),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns.collect::<Result<_, _>>()?, &options)?)
}

/// Appends a batch to a partition; with the last one, when both are small and in memory, so that ten thousand inserts of
/// a row each do not make ten thousand batches.
pub(super) fn append(partition: &mut Partition, batch: Arc<StoredBatch>, batch_size: usize) {
    let last = partition.batches.last();
    let merged = last.and_then(|last| merge(&partition.store, last, &batch, batch_size));
    let batches = Arc::make_mut(&mut partition.batches);
    if merged.is_some() {
        batches.pop();
    }
    batches.push(merged.unwrap_or(batch));
}

fn merge(store: &Arc<Store>, last: &StoredBatch, new: &StoredBatch, batch_size: usize) -> Option<Arc<StoredBatch>> {
    let is_small =
        |batch: &StoredBatch| batch.rows() <= batch_size / 2 && batch.bytes(None) <= batch_size / 2 * BYTES_OF_ROW;
    if !is_small(last) || !is_small(new) {
        return None;
    }
    let (last, new) = (last.in_memory()?, new.in_memory()?);
    // Where this fails, two small batches do as well.
    let both = concat_batches(last.schema_ref(), [&last, &new]).ok()?;
    store.push(&both).ok()
}
