//! Parquet files in partition folders, many at once, inside the memory limit.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::runtime::{JoinSet, SpawnedTask};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::file_format::write::get_writer_schema;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::parquet::arrow::AsyncArrowWriter;
use datafusion::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::sync::mpsc::Receiver;

/// A file ends its row group at this many bytes even if there is room for more.
const ROW_GROUP: usize = 32 << 20;

/// Writes a file for each partition, each with a row group in memory. The engine's own sink fails when they do not fit
/// together; here a file whose reservation is refused ends its row group, which frees it: more partitions make smaller
/// row groups.
///
/// ```text
///             ┌─ year=2013 ─ row group 0 │ row group 1 (in memory)
/// rows ─ by ──┼─ year=2014 ─ row group 0 (in memory)           their reservations share the budget fairly
///        key  └─ year=2015 ─ row group 0 │ row group 1 │ row group 2 (in memory)
/// ```
pub(crate) struct PartitionedParquet {
    config: FileSinkConfig,
    options: TableParquetOptions,
}

impl PartitionedParquet {
    /// A sink that writes what the engine's would.
    pub(crate) fn new(sink: &ParquetSink) -> Self {
        Self { config: sink.config().clone(), options: sink.parquet_options().clone() }
    }

    fn properties(&self) -> Result<WriterProperties> {
        let mut options = self.options.clone();
        if !options.global.skip_arrow_metadata {
            options.arrow_schema(&get_writer_schema(&self.config));
        }
        let bytes = options.global.max_row_group_bytes.as_ref().map_or(ROW_GROUP, |bytes| bytes.get());
        Ok(WriterPropertiesBuilder::try_from(&options)?.set_max_row_group_bytes(Some(bytes)).build())
    }

    fn open(&self, store: Arc<dyn ObjectStore>, path: Path, task: &TaskContext) -> Result<PartitionFile> {
        let reservation = MemoryConsumer::new(format!("PartitionedParquet[{path}]"))
            .with_can_spill(true)
            .register(task.memory_pool());
        let buffer = task.session_config().options().execution.objectstore_writer_buffer_size;
        let output = BufWriter::with_capacity(store, path, buffer);
        let schema = get_writer_schema(&self.config);
        Ok(PartitionFile { writer: AsyncArrowWriter::try_new(output, schema, Some(self.properties()?))?, reservation })
    }
}

/// One file that is being written.
struct PartitionFile {
    writer: AsyncArrowWriter<BufWriter>,
    reservation: MemoryReservation,
}

impl PartitionFile {
    /// Writes all its batches and returns the number of rows.
    async fn write(mut self, mut batches: Receiver<RecordBatch>) -> Result<u64> {
        let mut rows = 0;
        while let Some(batch) = batches.recv().await {
            self.writer.write(&batch).await?;
            rows += batch.num_rows() as u64;
            if self.reservation.try_resize(self.writer.memory_size()).is_err() {
                self.writer.flush().await?;
                self.reservation.try_resize(self.writer.memory_size())?;
            }
        }
        self.writer.close().await?;
        Ok(rows)
    }
}

#[async_trait]
impl FileSink for PartitionedParquet {
    fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        context: &Arc<TaskContext>,
        demux: SpawnedTask<Result<()>>,
        mut files: DemuxedStreamReceiver,
        store: Arc<dyn ObjectStore>,
    ) -> Result<u64> {
        let mut writes = JoinSet::new();
        while let Some((path, batches)) = files.recv().await {
            let file = self.open(Arc::clone(&store), path, context)?;
            writes.spawn(file.write(batches));
        }
        let mut rows = 0;
        while let Some(written) = writes.join_next().await {
            rows += written.map_err(ended_early)??;
        }
        demux.join_unwind().await.map_err(ended_early)??;
        Ok(rows)
    }
}

fn ended_early(error: tokio::task::JoinError) -> DataFusionError {
    DataFusionError::ExecutionJoin(Box::new(error))
}

#[async_trait]
impl DataSink for PartitionedParquet {
    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        FileSink::write_all(self, data, context).await
    }
}

impl DisplayAs for PartitionedParquet {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.config.table_partition_cols.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "PartitionedParquet(by=[{}])", columns.join(", "))
    }
}

impl fmt::Debug for PartitionedParquet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionedParquet").finish_non_exhaustive()
    }
}
