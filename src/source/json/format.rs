//! The engine's JSON format, with errors that tell where.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSinkConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexOrdering, LexRequirement, PhysicalExpr};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use futures::{FutureExt, StreamExt};
use object_store::{ObjectMeta, ObjectStore};

use super::locate::{Place, locate};
use crate::source::estimate::{estimated, line_length};
use crate::source::location::path_of;

/// [`JsonFormat`] whose scans name the file and line of what they cannot read.
#[derive(Debug)]
pub(super) struct LocatingJson {
    engine: JsonFormat,
    compression: FileCompressionType,
    lines: bool,
}

impl LocatingJson {
    pub(super) fn new(engine: JsonFormat, compression: FileCompressionType, lines: bool) -> Self {
        Self { engine, compression, lines }
    }
}

#[async_trait]
impl FileFormat for LocatingJson {
    fn get_ext(&self) -> String {
        self.engine.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.engine.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.engine.compression_type()
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        match (self.engine.infer_schema(state, store, objects).await, objects) {
            (Err(error), [object]) => {
                let path = path_of(object);
                let place = Place { path: &path, compression: self.compression, lines: self.lines, schema: None };
                Err(locate(&place, error))
            }
            (schema, _) => schema,
        }
    }

    async fn infer_stats(
        &self,
        _state: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        let line = if self.lines { line_length(&path_of(object), self.compression, None) } else { 0 };
        Ok(estimated(&table_schema, object.size, self.compression.is_compressed(), line))
    }

    async fn create_physical_plan(&self, state: &dyn Session, scan: FileScanConfig) -> Result<Arc<dyn ExecutionPlan>> {
        self.engine.create_physical_plan(state, scan).await
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        sink: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.engine.create_writer_physical_plan(input, state, sink, order).await
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        let engine = self.engine.file_source(table_schema);
        Arc::new(LocatingScan { engine, compression: self.compression, lines: self.lines })
    }
}

/// The engine's scan of JSON files; whatever fails is looked at a second time to tell where.
#[derive(Clone)]
struct LocatingScan {
    engine: Arc<dyn FileSource>,
    compression: FileCompressionType,
    lines: bool,
}

impl LocatingScan {
    fn around(&self, engine: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { engine, ..self.clone() })
    }
}

impl FileSource for LocatingScan {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        scan: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let schema = Arc::clone(self.engine.table_schema().file_schema());
        let engine = self.engine.create_file_opener(store, scan, partition)?;
        Ok(Arc::new(LocatingOpener { engine, schema, compression: self.compression, lines: self.lines }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.engine.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.around(self.engine.with_batch_size(batch_size))
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.engine.projection()
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        Ok(self.engine.try_pushdown_projection(projection)?.map(|engine| self.around(engine)))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.engine.metrics()
    }

    fn file_type(&self) -> &str {
        self.engine.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt_extra(kind, f)
    }

    fn supports_repartitioning(&self) -> bool {
        self.lines && self.engine.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        partitions: usize,
        min_size: usize,
        order: Option<LexOrdering>,
        scan: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        // The engine splits by bytes: lines may be split, an array may not.
        if !self.lines {
            return Ok(None);
        }
        self.engine.repartitioned(partitions, min_size, order, scan)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.engine.apply_expressions(f)
    }
}

struct LocatingOpener {
    engine: Arc<dyn FileOpener>,
    schema: SchemaRef,
    compression: FileCompressionType,
    lines: bool,
}

impl FileOpener for LocatingOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let path = path_of(&file.object_meta);
        let (compression, lines, schema) = (self.compression, self.lines, Arc::clone(&self.schema));
        let located = move |error| locate(&Place { path: &path, compression, lines, schema: Some(&schema) }, error);
        let opened = self.engine.open(file)?;
        let stream = async move {
            match opened.await {
                Ok(batches) => Ok(batches.map(move |batch| batch.map_err(&located)).boxed()),
                Err(error) => Err(located(error)),
            }
        };
        Ok(stream.boxed())
    }
}
