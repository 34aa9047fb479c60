//! One file, row group after row group.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::config::TableParquetOptions;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowLeafColumn, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use datafusion::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use datafusion::parquet::file::writer::SerializedFileWriter;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;

use super::columns::on_all;
use crate::error::Error;
use crate::memory::{BYTES_OF_ROW, row_bytes};

/// A row group of so many bytes is ended where nothing else is told.
const ROW_GROUP: usize = 32 << 20;

/// Encoded bytes go to the store when there are so many of them.
const BUFFER: usize = 1 << 20;

/// What the file keeps of each column of each row group until its end, in bytes: its place, its statistics, and those of
/// its pages.
const CHUNK: usize = 1 << 10;

/// A row group has so many bytes for each column at least, where the budget grants it, so that what is kept of them is
/// little beside what is written.
const LEAST_OF_COLUMN: usize = 16 << 10;

/// What the dictionary of a column takes before it has its first value, in bytes.
const DICTIONARY: usize = 80_000;

/// Columns are worked on by one task more for each so many rows.
const ROWS_OF_TASK: usize = 512;

/// A file that rows are written to. Its memory is reserved: of the row group in the making, and of what the file keeps
/// of those before until its end.
pub(super) struct ParquetFile {
    schema: SchemaRef,
    output: BufWriter,
    encoded: Encoded,
    file: SerializedFileWriter<Encoded>,
    factory: ArrowRowGroupWriterFactory,
    /// Those of the row group in the making; none before its first row.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
    most_rows: usize,
    most_bytes: usize,
    threads: usize,
    /// What is reserved for the row group in the making.
    held: MemoryReservation,
    /// And for what is kept of those before.
    kept: MemoryReservation,
}

impl ParquetFile {
    /// A file at `path` of rows of that schema.
    pub(super) fn create(
        store: Arc<dyn ObjectStore>,
        path: Path,
        schema: SchemaRef,
        options: &TableParquetOptions,
        context: &TaskContext,
    ) -> Result<Self> {
        let most_bytes = options.global.max_row_group_bytes.as_ref().map_or(ROW_GROUP, |bytes| bytes.get());
        let most_bytes = most_bytes.max(schema.flattened_fields().len() * LEAST_OF_COLUMN);
        let properties = properties(&schema, options, most_bytes)?;
        let most_rows = properties.max_row_group_row_count().unwrap_or(usize::MAX);
        let writer = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(options.global.skip_arrow_metadata);
        let encoded = Encoded::default();
        let writer = ArrowWriter::try_new_with_options(encoded.clone(), Arc::clone(&schema), writer)?;
        let (file, factory) = writer.into_serialized_writer()?;
        let held = MemoryConsumer::new("ParquetFile").register(context.memory_pool());
        let config = context.session_config();
        let buffer = config.options().execution.objectstore_writer_buffer_size;
        Ok(Self {
            schema,
            output: BufWriter::with_capacity(store, path, buffer),
            encoded,
            file,
            factory,
            columns: Vec::new(),
            rows: 0,
            most_rows,
            most_bytes,
            threads: config.target_partitions(),
            kept: held.new_empty(),
            held,
        })
    }

    /// How large the file would be if it ended here, about, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.file.bytes_written() + self.encoded()
    }

    /// Adds the rows of a batch of the file's schema. Long rows are taken a few at a time, so that pages and row groups
    /// end where they should: only between two writes is it looked at.
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let bytes_of_row = row_bytes(batch) / batch.num_rows().max(1);
        let most = (ROWS_OF_TASK.max(batch.num_rows()) * BYTES_OF_ROW / bytes_of_row.max(1)).max(1);
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = most.min(batch.num_rows() - start).min(self.most_rows - self.rows);
            self.encode(&batch.slice(start, rows)).await?;
            start += rows;
            if self.rows >= self.most_rows || self.encoded() >= self.most_bytes || !self.has_room() {
                self.end_row_group().await?;
            }
        }
        Ok(())
    }

    /// Ends the file.
    pub(super) async fn close(mut self) -> Result<()> {
        self.end_row_group().await?;
        self.file.finish()?;
        self.output.put(self.encoded.take().into()).await?;
        Ok(self.output.shutdown().await?)
    }

    async fn encode(&mut self, rows: &RecordBatch) -> Result<()> {
        if self.columns.is_empty() {
            self.columns = self.factory.create_column_writers(self.file.flushed_row_groups().len())?;
        }
        let mut leaves = Vec::with_capacity(self.columns.len());
        for (field, column) in self.schema.fields().iter().zip(rows.columns()) {
            leaves.extend(compute_leaves(field, column)?);
        }
        let columns: Vec<_> = mem::take(&mut self.columns).into_iter().zip(leaves).collect();
        let tasks = self.threads.min(rows.num_rows().div_ceil(ROWS_OF_TASK));
        let write = |(mut column, leaf): (ArrowColumnWriter, ArrowLeafColumn)| column.write(&leaf).map(|()| column);
        self.columns = on_all(columns, tasks, |(column, _)| column.get_estimated_total_bytes(), write).await?;
        self.rows += rows.num_rows();
        Ok(())
    }

    /// The bytes of the row group in the making.
    fn encoded(&self) -> usize {
        self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }

    /// Reserves what is held; whether the budget grants it. Half a row group is counted without asking: to end it would
    /// help others little, and make many row groups of a few rows.
    fn has_room(&self) -> bool {
        let held = self.columns.iter().map(ArrowColumnWriter::memory_size).sum::<usize>();
        if held <= self.most_bytes / 2 {
            self.held.resize(held);
            return true;
        }
        self.held.try_resize(held).is_ok()
    }

    /// The bytes that are kept of the row groups that have ended.
    fn bytes_kept(&self) -> usize {
        self.file.flushed_row_groups().len() * self.schema.flattened_fields().len() * CHUNK
    }

    async fn end_row_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let tasks = self.threads.min(self.rows.div_ceil(ROWS_OF_TASK));
        let columns = mem::take(&mut self.columns);
        let chunks =
            on_all(columns, tasks, ArrowColumnWriter::get_estimated_total_bytes, ArrowColumnWriter::close).await?;
        let mut row_group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut row_group)?;
            if self.encoded.len() > BUFFER {
                self.output.put(self.encoded.take().into()).await?;
            }
        }
        row_group.close()?;
        self.rows = 0;
        self.held.resize(0);
        self.kept.try_resize(self.bytes_kept())
    }
}

/// The bytes that the file's writer has written and the store does not have yet.
#[derive(Clone, Default)]
struct Encoded(Arc<Mutex<Vec<u8>>>);

impl Encoded {
    fn len(&self) -> usize {
        self.0.lock().len()
    }

    fn take(&self) -> Vec<u8> {
        mem::take(&mut *self.0.lock())
    }
}

impl Write for Encoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the dictionaries of all columns would take a row group's bytes before the first row, there are none.
fn properties(schema: &SchemaRef, options: &TableParquetOptions, most_bytes: usize) -> Result<WriterProperties> {
    if options.global.max_row_group_size == 0 {
        // Told to the engine, it would panic.
        return Err(Error::user("a row group of no rows").with_hint("row_group_size is 1 at least").into());
    }
    let mut options = options.clone();
    if !options.global.skip_arrow_metadata {
        options.arrow_schema(schema);
    }
    if schema.flattened_fields().len() * DICTIONARY > most_bytes {
        options.global.dictionary_enabled = Some(false);
    }
    Ok(WriterPropertiesBuilder::try_from(&options)?.build())
}
