//! One file, row group after row group.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_writer::{
    ArrowColumnWriter, ArrowLeafColumn, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves,
};
use datafusion::parquet::file::writer::SerializedFileWriter;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, SpillMetrics};
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;

use super::columns::on_all;
use super::options::FileOptions;
use super::pages::{Factory, PagesOnDisk};
use crate::memory::{BYTES_OF_ROW, row_bytes};

/// Encoded bytes go to the store in blocks of so many.
const BLOCK: usize = 1 << 20;

/// What the file keeps of each column of each row group until its end, in bytes: its place, its statistics, and those of
/// its pages.
const CHUNK: usize = 1 << 10;

/// And of each page, in bytes.
const PLACE_OF_PAGE: usize = 32;

/// So much is counted for a row group without asking, in bytes: to end it would help others little, and make many row
/// groups of a few rows.
const UNASKED: usize = 2 << 20;

/// Columns are worked on by one task more for each so many bytes.
const BYTES_OF_TASK: usize = 128 << 10;

/// A file that rows are written to. Its memory is reserved: of the row group in the making, and of what the file keeps
/// of those before until its end.
pub(super) struct ParquetFile {
    schema: SchemaRef,
    output: BufWriter,
    encoded: Encoded,
    file: SerializedFileWriter<Encoded>,
    factory: ArrowRowGroupWriterFactory,
    /// Where pages of the row group in the making are, when they are not in memory.
    pages: Option<Arc<PagesOnDisk>>,
    /// Those of the row group in the making; none before its first row.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
    options: FileOptions,
    threads: usize,
    /// What is reserved for the row group in the making.
    held: MemoryReservation,
    /// And for what is kept of those before.
    kept: MemoryReservation,
    bytes_kept: usize,
}

impl ParquetFile {
    /// A file at `path`.
    pub(super) fn create(
        store: Arc<dyn ObjectStore>,
        path: Path,
        options: &FileOptions,
        metrics: &ExecutionPlanMetricsSet,
        context: &TaskContext,
    ) -> Result<Self> {
        let config = context.session_config();
        let options = options.clone().in_session(&config.options().execution.parquet);
        let (schema, properties, encoded) = (Arc::clone(options.schema()), options.properties()?, Encoded::default());
        let on_disk = || Arc::new(PagesOnDisk::new(context, SpillMetrics::new(metrics, 0)));
        let pages = options.has_pages_on_disk().then(on_disk);
        let mut writer = ArrowWriterOptions::new().with_properties(properties);
        writer = writer.with_skip_arrow_metadata(options.skips_types());
        if let Some(pages) = &pages {
            writer = writer.with_page_store_factory(Arc::new(Factory(Arc::clone(pages))));
        }
        let writer = ArrowWriter::try_new_with_options(encoded.clone(), Arc::clone(&schema), writer)?;
        let (file, factory) = writer.into_serialized_writer()?;
        let buffer = config.options().execution.objectstore_writer_buffer_size;
        let output = BufWriter::with_capacity(store, path, buffer);
        let held = MemoryConsumer::new("ParquetFile").register(context.memory_pool());
        let (columns, rows, kept, threads) = (Vec::new(), 0, held.new_empty(), config.target_partitions());
        let bytes_kept = 0;
        Ok(Self {
            schema,
            output,
            encoded,
            file,
            factory,
            pages,
            columns,
            rows,
            options,
            threads,
            held,
            kept,
            bytes_kept,
        })
    }

    /// How large the file would be if it ended here, about, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.file.bytes_written() + self.encoded()
    }

    /// Adds the rows of a batch of the file's schema. Long rows are taken a few at a time, so that pages and row groups
    /// end where they should: only between two writes is it looked at.
    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let bytes_of_row = (row_bytes(batch) / batch.num_rows().max(1)).max(1);
        let most = (BYTES_OF_TASK.max(batch.num_rows() * BYTES_OF_ROW) / bytes_of_row).max(1);
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = most.min(batch.num_rows() - start).min(self.options.most_rows() - self.rows);
            self.encode(&batch.slice(start, rows), self.tasks(rows * bytes_of_row)).await?;
            start += rows;
            if self.rows >= self.options.most_rows() || self.encoded() >= self.bytes_of_row_group() || !self.has_room()
            {
                self.end_row_group().await?;
            }
        }
        Ok(())
    }

    /// Ends the file; tells how large it is, in bytes.
    pub(super) async fn close(mut self) -> Result<usize> {
        self.end_row_group().await?;
        self.file.finish()?;
        for block in self.encoded.take_all() {
            self.output.put(block.into()).await?;
        }
        self.output.shutdown().await?;
        Ok(self.file.bytes_written())
    }

    /// How many tasks work on so many bytes.
    fn tasks(&self, bytes: usize) -> usize {
        self.threads.min(bytes.div_ceil(BYTES_OF_TASK))
    }

    /// At so many bytes a row group ends. They grow with what is kept of those before: it stays a part of them.
    fn bytes_of_row_group(&self) -> usize {
        self.options.bytes_of_row_group().max(if self.pages.is_some() { 64 } else { 4 } * self.bytes_kept)
    }

    async fn encode(&mut self, rows: &RecordBatch, tasks: usize) -> Result<()> {
        if self.columns.is_empty() {
            self.pages.as_ref().map_or(Ok(()), |pages| pages.begin())?;
            self.columns = self.factory.create_column_writers(self.file.flushed_row_groups().len())?;
            self.pages.as_ref().inspect(|pages| pages.has_begun());
        }
        let mut leaves = Vec::with_capacity(self.columns.len());
        for (field, column) in self.schema.fields().iter().zip(rows.columns()) {
            leaves.extend(compute_leaves(field, column)?);
        }
        let columns: Vec<_> = mem::take(&mut self.columns).into_iter().zip(leaves).collect();
        let write = |(mut column, leaf): (ArrowColumnWriter, ArrowLeafColumn)| column.write(&leaf).map(|()| column);
        self.columns = on_all(columns, tasks, |(column, _)| column.get_estimated_total_bytes(), write).await?;
        self.rows += rows.num_rows();
        Ok(())
    }

    /// The bytes of the row group in the making.
    fn encoded(&self) -> usize {
        self.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
    }

    /// Reserves what is held; whether the budget grants it.
    fn has_room(&self) -> bool {
        // Those that there are from the start would be there again at once.
        let always = self.options.compressors(false);
        let compressors = self.options.compressors(self.rows >= self.options.rows_of_page());
        let pages = self.pages.as_ref().map_or(0, |pages| pages.bytes());
        let held = compressors + pages + self.columns.iter().map(ArrowColumnWriter::memory_size).sum::<usize>();
        if held <= always + UNASKED {
            self.held.resize(held);
            return true;
        }
        self.held.try_resize(held).is_ok()
    }

    async fn end_row_group(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let (tasks, columns) = (self.tasks(self.encoded()), mem::take(&mut self.columns));
        let chunks =
            on_all(columns, tasks, ArrowColumnWriter::get_estimated_total_bytes, ArrowColumnWriter::close).await?;
        let mut row_group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut row_group)?;
            for block in self.encoded.take_full() {
                self.output.put(block.into()).await?;
            }
        }
        row_group.close()?;
        self.rows = 0;
        self.held.resize(0);
        let pages = self.pages.as_ref().map_or(0, |pages| pages.pages());
        self.bytes_kept += self.options.columns() * CHUNK + pages * PLACE_OF_PAGE;
        self.kept.try_resize(self.bytes_kept)
    }
}

/// The bytes that the file's writer has written and the store does not have yet, in blocks: the store writes a few of them
/// at a time, and none is copied to a larger one.
#[derive(Clone, Default)]
struct Encoded(Arc<Mutex<Vec<Vec<u8>>>>);

impl Encoded {
    fn take_all(&self) -> Vec<Vec<u8>> {
        mem::take(&mut self.0.lock())
    }

    /// All blocks but the last, which may have room.
    fn take_full(&self) -> Vec<Vec<u8>> {
        let mut blocks = self.0.lock();
        let full = blocks.len().saturating_sub(1);
        blocks.drain(..full).collect()
    }
}

impl Write for Encoded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut blocks = self.0.lock();
        match blocks.last_mut().filter(|block| block.len() + bytes.len() <= BLOCK) {
            Some(block) => block.extend_from_slice(bytes),
            None => blocks.push(bytes.to_vec()),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
