//! The sink of one Parquet file, or of several.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::runtime::{JoinSet, SpawnedTask};
use datafusion::common::{DataFusionError, Result};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::file_format::write::get_writer_schema;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use object_store::ObjectStore;
use tokio::sync::mpsc::Receiver;

use super::file::ParquetFile;

/// Writes the files that the engine's sink would, with the same names and rows.
pub(crate) struct ParquetFiles {
    config: FileSinkConfig,
    options: TableParquetOptions,
}

impl ParquetFiles {
    /// In the place of `sink`; none where that cuts pages by their content, which it alone can.
    pub(crate) fn new(sink: &ParquetSink) -> Option<Self> {
        let (config, options) = (sink.config().clone(), sink.parquet_options().clone());
        (!options.global.content_defined_chunking.enabled).then_some(Self { config, options })
    }

    pub(super) fn options(&self) -> &TableParquetOptions {
        &self.options
    }
}

async fn write(mut file: ParquetFile, mut batches: Receiver<RecordBatch>) -> Result<u64> {
    let mut rows = 0;
    while let Some(batch) = batches.recv().await {
        file.write(&batch).await?;
        rows += batch.num_rows() as u64;
    }
    file.close().await?;
    Ok(rows)
}

fn joined<T>(task: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    match task {
        Ok(ended) => ended,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(DataFusionError::ExecutionJoin(Box::new(error))),
    }
}

#[async_trait]
impl FileSink for ParquetFiles {
    fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        context: &Arc<TaskContext>,
        demux_task: SpawnedTask<Result<()>>,
        mut files: DemuxedStreamReceiver,
        store: Arc<dyn ObjectStore>,
    ) -> Result<u64> {
        let schema = get_writer_schema(&self.config);
        let mut tasks = JoinSet::new();
        while let Some((path, batches)) = files.recv().await {
            let schema = Arc::clone(&schema);
            let file = ParquetFile::create(Arc::clone(&store), path, schema, &self.options, context)?;
            tasks.spawn(write(file, batches));
        }
        let mut rows = 0;
        while let Some(task) = tasks.join_next().await {
            rows += joined(task)?;
        }
        joined(demux_task.join_unwind().await)?;
        Ok(rows)
    }
}

#[async_trait]
impl DataSink for ParquetFiles {
    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(&self, data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        FileSink::write_all(self, data, context).await
    }
}

impl DisplayAs for ParquetFiles {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParquetFiles")
    }
}

impl fmt::Debug for ParquetFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetFiles").finish_non_exhaustive()
    }
}
