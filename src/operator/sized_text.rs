//! Text files of about a size.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::file_options::csv_writer::CsvWriterOptions;
use datafusion::common::file_options::json_writer::JsonWriterOptions;
use datafusion::datasource::file_format::csv::{CsvSerializer, CsvSink};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::{JsonSerializer, JsonSink};
use datafusion::datasource::file_format::write::{BatchSerializer, ObjectWriterBuilder};
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use futures::TryStreamExt;
use object_store::ObjectStore;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Writes CSV or JSON into a folder, one file after the other: a file ends with the batch that fills it. Sizes are those
/// of the text, before it is compressed.
pub(crate) struct SizedText {
    config: FileSinkConfig,
    format: Format,
    bytes: u64,
}

enum Format {
    Csv(CsvWriterOptions),
    Json(JsonWriterOptions),
}

impl SizedText {
    /// A sink that writes the files of the engine's, of about `bytes` each; `None` where that writes no text, or writes
    /// partitions.
    pub(crate) fn new(sink: &dyn DataSink, bytes: u64) -> Option<Self> {
        let csv = sink.downcast_ref::<CsvSink>();
        let csv = csv.map(|sink| (sink.config().clone(), Format::Csv(sink.writer_options().clone())));
        let json = || {
            let sink = sink.downcast_ref::<JsonSink>()?;
            Some((sink.config().clone(), Format::Json(sink.writer_options().clone())))
        };
        let (config, format) = csv.or_else(json)?;
        config.table_partition_cols.is_empty().then_some(Self { config, format, bytes })
    }

    fn serializer(&self) -> Box<dyn BatchSerializer> {
        match &self.format {
            Format::Json(_) => Box::new(JsonSerializer::new()),
            Format::Csv(options) => {
                let (builder, header) = (options.writer_options.clone(), options.writer_options.header());
                Box::new(CsvSerializer::new().with_builder(builder).with_header(header))
            }
        }
    }

    fn open(
        &self,
        store: &Arc<dyn ObjectStore>,
        name: &str,
        task: &TaskContext,
    ) -> Result<Box<dyn AsyncWrite + Send + Unpin>> {
        let (compression, level) = match &self.format {
            Format::Csv(options) => (options.compression, options.compression_level),
            Format::Json(options) => (options.compression, options.compression_level),
        };
        let path = self.config.table_paths[0].prefix().clone().join(name);
        let buffer = task.session_config().options().execution.objectstore_writer_buffer_size;
        ObjectWriterBuilder::new(FileCompressionType::from(compression), &path, Arc::clone(store))
            .with_buffer_size(Some(buffer))
            .with_compression_level(level)
            .build()
    }
}

#[async_trait]
impl DataSink for SizedText {
    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(&self, mut data: SendableRecordBatchStream, task: &Arc<TaskContext>) -> Result<u64> {
        let store = task.runtime_env().object_store(&self.config.object_store_url)?;
        let (serializer, id) = (self.serializer(), RandomState::new().hash_one("file"));
        let (mut rows, mut files, mut written) = (0, 0, 0);
        let mut open: Option<Box<dyn AsyncWrite + Send + Unpin>> = None;
        while let Some(batch) = data.try_next().await? {
            rows += batch.num_rows() as u64;
            let first = open.is_none();
            let mut file = match open.take() {
                Some(file) => file,
                None => {
                    files += 1;
                    self.open(&store, &format!("{id:016x}_{files:05}.{}", self.config.file_extension), task)?
                }
            };
            let text = serializer.serialize(batch, first)?;
            file.write_all(&text).await?;
            written += text.len() as u64;
            match written >= self.bytes {
                true => {
                    file.shutdown().await?;
                    written = 0;
                }
                false => open = Some(file),
            }
        }
        if let Some(mut file) = open {
            file.shutdown().await?;
        }
        Ok(rows)
    }
}

impl DisplayAs for SizedText {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SizedText(file_size={})", self.bytes)
    }
}

impl fmt::Debug for SizedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SizedText").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
