//! CSV files as the engine sees them: a format, and a scan that opens files and ranges of files.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::{
    FileGroupPartitioner, FileOpenFuture, FileOpener, FileScanConfig, FileSinkConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexOrdering, LexRequirement, PhysicalExpr};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, apply_expression_roots};
use futures::{FutureExt, StreamExt};
use object_store::{ObjectMeta, ObjectStore};

use super::dialect::Dialect;
use super::infer::{infer, named};
use super::layout::Layout;
use super::reader::CsvReader;
use crate::source::estimate::{estimated, line_length};
use crate::source::location::path_of;

/// CSV files of one dialect. What is inserted into them the engine writes.
#[derive(Debug)]
pub(super) struct CsvFiles {
    dialect: Dialect,
    writer: CsvFormat,
}

impl CsvFiles {
    pub(super) fn new(dialect: Dialect, writer: CsvFormat) -> Self {
        Self { dialect, writer }
    }
}

#[async_trait]
impl FileFormat for CsvFiles {
    fn get_ext(&self) -> String {
        self.dialect.extension.to_string()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.writer.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.writer.compression_type()
    }

    async fn infer_schema(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        let [object] = objects else {
            return Err(DataFusionError::Internal("CSV files are inferred one at a time".into()));
        };
        Ok(named(&infer(&path_of(object), &self.dialect, 0)?.schema))
    }

    async fn infer_stats(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        let path = path_of(object);
        let compression = self.dialect.compression_of(&path);
        let line = line_length(&path, compression, self.dialect.quote.or(Some(b'"')));
        Ok(estimated(&schema, object.size, compression.is_compressed(), line))
    }

    async fn create_physical_plan(&self, _state: &dyn Session, scan: FileScanConfig) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(DataSourceExec::from_data_source(scan))
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.writer.create_writer_physical_plan(input, state, sink, order).await
    }

    fn file_source(&self, schema: TableSchema) -> Arc<dyn FileSource> {
        Arc::new(CsvScan {
            projection: SplitProjection::unprojected(&schema),
            dialect: self.dialect.clone(),
            batch_size: 0,
            metrics: ExecutionPlanMetricsSet::new(),
            schema,
        })
    }
}

/// A scan of CSV files.
#[derive(Clone)]
struct CsvScan {
    schema: TableSchema,
    projection: SplitProjection,
    dialect: Dialect,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl FileSource for CsvScan {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        _scan: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let bytes = MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition);
        let opener = CsvOpener { scan: self.clone(), bytes };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.dialect.extension
    }

    fn fmt_extra(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", has_header={}", self.dialect.header)
    }

    fn supports_repartitioning(&self) -> bool {
        self.dialect.newlines == Some(false)
    }

    fn repartitioned(
        &self,
        partitions: usize,
        min_size: usize,
        order: Option<LexOrdering>,
        scan: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        let mut files = scan.file_groups.iter().flat_map(|group| group.iter());
        let compressed =
            |file: &PartitionedFile| self.dialect.compression_of(&path_of(&file.object_meta)).is_compressed();
        if !self.supports_repartitioning() || files.any(compressed) {
            return Ok(None);
        }
        let groups = FileGroupPartitioner::new()
            .with_target_partitions(partitions)
            .with_repartition_file_min_size(min_size)
            .with_preserve_order_within_groups(order.is_some())
            .repartition_file_groups(&scan.file_groups);
        Ok(groups.map(|file_groups| {
            let mut split = scan.clone();
            split.file_groups = file_groups;
            split
        }))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.projection.source.iter(), f)
    }
}

/// Opens the files of one partition.
struct CsvOpener {
    scan: CsvScan,
    bytes: Count,
}

impl FileOpener for CsvOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let (scan, bytes) = (self.scan.clone(), self.bytes.clone());
        let open = async move {
            let path = path_of(&file.object_meta);
            let layout = Layout::of(&path, &scan.dialect, scan.schema.file_schema(), &scan.projection.file_indices)?;
            let range = file.range.map(|FileRange { start, end }| start.max(0) as u64..end.max(0) as u64);
            let opened = File::open(&path)?;
            let reader = CsvReader::open(layout, path, opened, range, scan.batch_size, bytes)?;
            Ok(futures::stream::iter(reader).map(|batch| batch.map_err(DataFusionError::from)).boxed())
        };
        Ok(open.boxed())
    }
}
