//! Parquet files in partition folders, one at a time.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::partition;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use futures::TryStreamExt;
use object_store::path::Path;

use super::file::ParquetFile;
use super::files::ParquetFiles;
use super::options::FileOptions;

/// Writes rows that come sorted by their partition columns: a file is closed when the next key comes, so one row group
/// is in memory however many partitions there are. The engine's own sink keeps all of them open. A file is closed, too,
/// when it has reached its size.
///
/// ```text
/// rows sorted by year ──► year=2013/9f2c.parquet, closed ──► year=2014/9f2c.parquet, open
/// ```
pub(crate) struct PartitionedParquet {
    config: FileSinkConfig,
    options: FileOptions,
    /// A file is ended when it has this many bytes.
    file_size: u64,
    metrics: ExecutionPlanMetricsSet,
}

impl PartitionedParquet {
    /// A sink that writes what the engine's would; none where that writes no partitions, or has to stay.
    ///
    /// Errors: an option that makes no sense.
    pub(crate) fn new(sink: &ParquetSink) -> Result<Option<Self>> {
        let config = sink.config().clone();
        if config.table_partition_cols.is_empty() {
            return Ok(None);
        }
        let options = FileOptions::new(&config, sink.parquet_options())?;
        Ok(options.map(|options| Self {
            config,
            options,
            file_size: u64::MAX,
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    /// A sink that writes what `sink` would into a folder without partitions, in files of about `bytes` each.
    pub(crate) fn sized(sink: &ParquetFiles, bytes: u64) -> Self {
        let metrics = ExecutionPlanMetricsSet::new();
        Self { config: sink.config().clone(), options: sink.options().clone(), file_size: bytes, metrics }
    }

    /// The same sink with files of about `bytes` each.
    pub(crate) fn with_file_size(&self, bytes: u64) -> Self {
        let metrics = ExecutionPlanMetricsSet::new();
        Self { config: self.config.clone(), options: self.options.clone(), file_size: bytes, metrics }
    }

    pub(crate) fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.config.table_partition_cols.iter().map(|(name, _)| name.as_str())
    }

    /// The folder of the batch's rows, which all have one key: `year=2013/month=1`.
    fn folder(&self, batch: &RecordBatch) -> Result<Path> {
        let mut folder = self.config.table_paths[0].prefix().clone();
        for (key, column) in self.keys().zip(self.key_columns(batch)?) {
            let value = ArrayFormatter::try_new(&column, &FormatOptions::new())?.value(0).try_to_string()?;
            folder = folder.join(format!("{key}={value}"));
        }
        Ok(folder)
    }

    /// The runs of rows with equal keys.
    fn ranges(&self, batch: &RecordBatch) -> Result<Vec<Range<usize>>> {
        let keys = self.key_columns(batch)?;
        match keys.is_empty() {
            true => Ok(std::iter::once(0..batch.num_rows()).collect()),
            false => Ok(partition(&keys)?.ranges()),
        }
    }

    fn key_columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let schema = batch.schema();
        self.keys().map(|key| Ok(Arc::clone(batch.column(schema.index_of(key)?)))).collect()
    }

    /// The columns that are written.
    fn columns(&self) -> Result<Vec<usize>> {
        let fields = self.options.schema().fields().iter();
        Ok(fields.map(|field| self.config.output_schema.index_of(field.name())).collect::<Result<_, _>>()?)
    }
}

#[async_trait]
impl DataSink for PartitionedParquet {
    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(&self, mut data: SendableRecordBatchStream, context: &Arc<TaskContext>) -> Result<u64> {
        let store = context.runtime_env().object_store(&self.config.object_store_url)?;
        // As in the engine, names are random: a write adds to what is there.
        let id = RandomState::new().hash_one("partition");
        let mut files = 0;
        let mut name = || {
            files += 1;
            format!("{id:016x}_{files:05}.{}", self.config.file_extension)
        };
        let mut open: Option<(Path, ParquetFile)> = None;
        let columns = self.columns()?;
        let mut rows = 0;
        while let Some(batch) = data.try_next().await? {
            rows += batch.num_rows() as u64;
            for range in self.ranges(&batch)? {
                let part = batch.slice(range.start, range.len());
                let folder = self.folder(&part)?;
                let mut current = match open.take() {
                    Some((path, file)) if path == folder => file,
                    other => {
                        close(other).await?;
                        let path = folder.clone().join(name());
                        ParquetFile::create(Arc::clone(&store), path, &self.options, &self.metrics, context)?
                    }
                };
                current.write(&part.project(&columns)?).await?;
                match current.bytes() as u64 >= self.file_size {
                    true => close(Some((folder, current))).await?,
                    false => open = Some((folder, current)),
                }
            }
        }
        close(open).await?;
        Ok(rows)
    }
}

async fn close(open: Option<(Path, ParquetFile)>) -> Result<()> {
    match open {
        Some((_, file)) => file.close().await.map(drop),
        None => Ok(()),
    }
}

impl DisplayAs for PartitionedParquet {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartitionedParquet(by=[{}])", self.keys().collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for PartitionedParquet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionedParquet").finish_non_exhaustive()
    }
}
