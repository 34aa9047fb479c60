//! A table of files.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{ScanArgs, ScanResult, Session, TableProvider};
use datafusion::common::stats::Statistics;
use datafusion::common::{Constraints, DFSchema, project_schema};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::helpers::{expr_applicable_for_cols, filter_partitioned_file};
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl, PartitionedFile,
};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchemaBuilder;
use datafusion::error::Result as EngineResult;
use datafusion::execution::SessionState;
use datafusion::execution::cache::cache_manager::CachedFileMetadata;
use datafusion::execution::cache::{SchemaFingerprint, TableScopedPath};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::create_lex_ordering;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;

use crate::error::{Error, Result};
use crate::source::builder::sql_type;
use crate::source::columns::{Columns, columns};
use crate::source::format::Format;
use crate::source::hive;
use crate::source::location::{DataFile, Location, path_of, shown};
use crate::source::options::{Declared, Options};
use crate::source::parquet::mark_wide;
use crate::source::statistics::FileStatistics;

/// A table of files of one format. The files are listed at each scan, in a fixed order; folders named `key=value` are
/// columns, and filters on them leave files out before any is opened.
///
/// It differs from the engine's `ListingTable` in what it finds (globs with `**` and braces, subfolders, no hidden or
/// half-written files, nothing stale from a cache of listings) and lends itself to one for writing.
#[derive(Debug)]
pub(crate) struct FileTable {
    location: Location,
    kind: Format,
    format: Arc<dyn FileFormat>,
    partitions: Vec<(String, DataType)>,
    file_schema: SchemaRef,
    table_schema: SchemaRef,
    fingerprint: Arc<SchemaFingerprint>,
    declared: Declared,
}

impl FileTable {
    /// Looks at the files: their format, partition columns and schema.
    pub(crate) async fn open(
        location: Location,
        asked: Option<Format>,
        options: &Options,
        state: &SessionState,
    ) -> Result<Self> {
        let (kind, files) = if location.is_new_folder() && options.tells_columns() {
            (asked.unwrap_or(Format::Parquet), Vec::new())
        } else {
            list(&location, asked).await?
        };
        let partitions = partitions(&files, options, state)?;
        let Columns { format, schema: file_schema } = columns(kind, &location, &files, options, state).await?;
        let file_schema = without(&file_schema, &partitions);
        let partition_fields = partitions.iter().map(|(name, data_type)| Field::new(name, data_type.clone(), true));
        let fields = file_schema.fields().iter().map(|field| field.as_ref().clone()).chain(partition_fields);
        let table_schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), file_schema.metadata().clone());
        Ok(Self {
            fingerprint: Arc::new(SchemaFingerprint::from_schema(&file_schema)),
            table_schema: Arc::new(table_schema),
            declared: options.declared.clone(),
            location,
            kind,
            format,
            partitions,
            file_schema,
        })
    }

    /// Whether a few columns are read without the others.
    pub(crate) fn is_columnar(&self) -> bool {
        matches!(self.kind, Format::Parquet | Format::Arrow)
    }

    /// The files that the partition filters leave, with their partition values and what is known of their rows.
    async fn scanned_files(&self, state: &dyn Session, filters: &[Expr]) -> Result<(Vec<PartitionedFile>, Statistics)> {
        let files = match self.location.is_new_folder() {
            true => Vec::new(),
            false => list(&self.location, Some(self.kind)).await?.1,
        };
        let files = self.prune(files, filters)?;
        let schema = Arc::clone(&self.table_schema);
        if !state.config().collect_statistics() {
            return Ok((files, Statistics::new_unknown(&schema)));
        }
        let store = state.runtime_env().object_store(ObjectStoreUrl::local_filesystem())?;
        let ahead = state.config_options().execution.meta_fetch_concurrency.get();
        let files = futures::stream::iter(files).map(|file| self.with_statistics(state, &store, file));
        let mut files = std::pin::pin!(files.buffered(ahead));
        let mut known = FileStatistics::new(schema, state, !self.declared.order.is_empty());
        while let Some(file) = files.try_next().await? {
            known.add(file)?;
        }
        Ok(known.finish()?)
    }

    fn prune(&self, files: Vec<DataFile>, filters: &[Expr]) -> Result<Vec<PartitionedFile>> {
        let columns = self.partitions.iter().map(|(name, data_type)| Field::new(name, data_type.clone(), true));
        let columns = DFSchema::from_unqualified_fields(columns.collect(), Default::default())?;
        let mut kept = Vec::with_capacity(files.len());
        for file in files {
            let scanned = file.scan().with_partition_values(hive::values(&file, &self.partitions)?);
            kept.extend(filter_partitioned_file(scanned, filters, &columns)?);
        }
        Ok(kept)
    }

    async fn with_statistics(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        file: PartitionedFile,
    ) -> Result<PartitionedFile> {
        let meta = &file.object_meta;
        let key = TableScopedPath { table: None, path: meta.location.clone() };
        let cache = state.runtime_env().cache_manager.get_file_statistic_cache();
        let known = cache.as_ref().and_then(|cache| cache.get(&key));
        if let Some(known) = known.filter(|known| known.is_valid_for(meta, &self.fingerprint)) {
            return Ok(file.with_statistics(known.statistics).with_ordering(known.ordering));
        }
        let schema = Arc::clone(&self.file_schema);
        let found = self.format.infer_stats_and_ordering(state, store, schema, meta).await;
        let found = found.map_err(|error| in_file(&file, error))?;
        let statistics = Arc::new(found.statistics);
        if let Some(cache) = cache {
            let fingerprint = Arc::clone(&self.fingerprint);
            let entry = CachedFileMetadata::new(meta.clone(), fingerprint, statistics.clone(), found.ordering.clone());
            cache.put(&key, entry);
        }
        Ok(file.with_statistics(statistics).with_ordering(found.ordering))
    }

    async fn plan(
        &self,
        state: &dyn Session,
        (files, statistics): (Vec<PartitionedFile>, Statistics),
        projection: Option<Vec<usize>>,
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let partition_fields = self.table_schema.fields()[self.file_schema.fields().len()..].to_vec();
        let schema = TableSchemaBuilder::from(&self.file_schema).with_table_partition_cols(partition_fields).build();
        let columns = projection.as_ref().map(|wanted| self.names(wanted));
        let order = create_lex_ordering(&self.table_schema, &self.declared.order, state.execution_props())?;
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let source = self.format.file_source(schema);
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_file_groups(groups)
            .with_constraints(self.declared.constraints.clone())
            .with_statistics(statistics)
            .with_projection_indices(projection)?
            .with_limit(limit)
            .with_output_ordering(order)
            .build();
        let plan = self.format.create_physical_plan(state, scan).await?;
        match self.kind {
            Format::Parquet => mark_wide(plan, state, columns).await,
            _ => Ok(plan),
        }
    }

    fn names(&self, columns: &[usize]) -> HashSet<String> {
        columns.iter().map(|column| self.table_schema.field(*column).name().clone()).collect()
    }

    fn is_partition_filter(&self, filter: &Expr) -> bool {
        let names: Vec<&str> = self.partitions.iter().map(|(name, _)| name.as_str()).collect();
        !names.is_empty() && expr_applicable_for_cols(&names, filter)
    }

    /// The engine's table over the same folder, which knows how to write.
    fn writer(&self) -> Result<ListingTable> {
        let Some(folder) = self.location.folder() else {
            return Err(Error::user(format!("rows can be inserted into a folder only, and {} is none", self.location)));
        };
        let folder = format!("{}/", folder.to_string_lossy().trim_end_matches('/'));
        let options = ListingOptions::new(Arc::clone(&self.format)).with_table_partition_cols(self.partitions.clone());
        let config = ListingTableConfig::new(ListingTableUrl::parse(folder)?).with_listing_options(options);
        Ok(ListingTable::try_new(config.with_schema(Arc::clone(&self.file_schema)))?)
    }
}

/// The error of one file, with its name.
fn in_file(file: &PartitionedFile, error: datafusion::error::DataFusionError) -> Error {
    let cause = Error::from(error);
    Error::data(format!("cannot read '{}': {}", shown(&path_of(&file.object_meta)), cause.message())).with_source(cause)
}

/// Lists on a thread of its own: a folder may have many files, or stand on a slow disk.
async fn list(location: &Location, asked: Option<Format>) -> Result<(Format, Vec<DataFile>)> {
    let location = location.clone();
    let listed = tokio::task::spawn_blocking(move || location.data_files(asked)).await;
    listed.map_err(|error| Error::internal(format!("listing files stopped: {error}")))?
}

/// The declared partition columns, or those the folders tell.
fn partitions(files: &[DataFile], options: &Options, state: &SessionState) -> Result<Vec<(String, DataType)>> {
    let declared = &options.partitioned_by;
    if options.hive == Some(false) {
        return Ok(Vec::new());
    }
    if declared.is_empty() {
        return hive::infer(files);
    }
    let mut known = options.partition_types.clone();
    for (name, sql) in declared {
        if let Some(sql) = sql {
            known.push((name.clone(), sql_type(sql, state)?));
        }
    }
    if known.len() < declared.len() {
        known.extend(hive::infer(files)?);
    }
    let typed = declared.iter().map(|(name, _)| {
        let found = known.iter().find(|(key, _)| key == name);
        found.cloned().unwrap_or((name.clone(), DataType::Utf8View))
    });
    Ok(typed.collect())
}

/// The columns of the files that no folder tells: where both do, the folder is believed.
fn without(schema: &SchemaRef, partitions: &[(String, DataType)]) -> SchemaRef {
    let fields = schema.fields().iter().filter(|field| partitions.iter().all(|(name, _)| name != field.name()));
    Arc::new(Schema::new_with_metadata(fields.cloned().collect::<Vec<_>>(), schema.metadata().clone()))
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table_schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.declared.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.declared.definition.as_deref()
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.declared.defaults.get(column)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let args = ScanArgs::default()
            .with_projection(projection.map(Vec::as_slice))
            .with_filters(Some(filters))
            .with_limit(limit);
        Ok(self.scan_with_args(state, args).await?.into_inner())
    }

    async fn scan_with_args<'a>(&self, state: &dyn Session, args: ScanArgs<'a>) -> EngineResult<ScanResult> {
        let filters = args.filters().unwrap_or_default().iter();
        let filters: Vec<Expr> = filters.filter(|filter| self.is_partition_filter(filter)).cloned().collect();
        let projection = args.projection().map(<[usize]>::to_vec);
        let (files, statistics) = self.scanned_files(state, &filters).await?;
        if files.is_empty() {
            let schema = project_schema(&self.table_schema, projection.as_ref())?;
            return Ok(ScanResult::new(Arc::new(EmptyExec::new(schema))));
        }
        Ok(ScanResult::new(self.plan(state, (files, statistics), projection, args.limit()).await?))
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        let exact = |filter: &&Expr| match self.is_partition_filter(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(exact).collect())
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        insert_op: InsertOp,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.writer()?.insert_into(state, input, insert_op).await
    }
}
