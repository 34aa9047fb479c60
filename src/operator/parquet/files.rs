//! The sink of one Parquet file, or of several.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::runtime::{JoinSet, SpawnedTask};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use object_store::ObjectStore;
use tokio::sync::mpsc::Receiver;

use super::file::ParquetFile;
use super::options::FileOptions;

/// Writes the files that the engine's sink would, with the same names and rows.
pub(crate) struct ParquetFiles {
    config: FileSinkConfig,
    options: FileOptions,
    metrics: ExecutionPlanMetricsSet,
}

impl ParquetFiles {
    /// In the place of `sink`, for rows that come in that order; none where that has to stay.
    ///
    /// Errors: an option that makes no sense.
    pub(crate) fn new(sink: &ParquetSink, order: Option<&LexRequirement>) -> Result<Option<Self>> {
        let config = sink.config().clone();
        let options = FileOptions::new(&config, sink.parquet_options())?;
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(options.map(|options| Self { options: options.sorted_by(order), config, metrics }))
    }

    pub(super) fn options(&self) -> &FileOptions {
        &self.options
    }
}

/// Gives how many rows there were, and how many bytes the file has.
async fn write(mut file: ParquetFile, mut batches: Receiver<RecordBatch>) -> Result<(usize, usize)> {
    let mut rows = 0;
    while let Some(batch) = batches.recv().await {
        file.write(&batch).await?;
        rows += batch.num_rows();
    }
    Ok((rows, file.close().await?))
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
        let [all_rows, all_bytes] =
            ["rows_written", "bytes_written"].map(|name| MetricBuilder::new(&self.metrics).global_counter(name));
        let mut tasks = JoinSet::new();
        while let Some((path, batches)) = files.recv().await {
            let file = ParquetFile::create(Arc::clone(&store), path, &self.options, &self.metrics, context)?;
            tasks.spawn(write(file, batches));
        }
        while let Some(task) = tasks.join_next().await {
            let (rows, bytes) = joined(task)?;
            all_rows.add(rows);
            all_bytes.add(bytes);
        }
        joined(demux_task.join_unwind().await)?;
        Ok(all_rows.value() as u64)
    }
}

#[async_trait]
impl DataSink for ParquetFiles {
    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

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
