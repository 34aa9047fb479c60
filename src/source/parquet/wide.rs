//! Which files have wide row groups, and how many rows of them are read at once.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, RowGroupMetaData};
use datafusion::parquet::file::page_index::offset_index::OffsetIndexMetaData;
use datafusion::physical_plan::ExecutionPlan;
use object_store::ObjectStore;

use super::many::file_scan;
use super::pages::offset_index;
use super::reader::PagedReaders;

/// A scan holds this share of the memory at most, in all of its threads: more is read by pieces.
const SHARE: usize = 8;

/// A piece is never smaller, in bytes: one page of each column is read at least.
const SMALLEST: usize = 1 << 20;

/// What is kept with a file that has wide row groups.
#[derive(Debug, Clone)]
pub(crate) struct WideFile {
    /// With the place of each page.
    metadata: Arc<ParquetMetaData>,
    /// How many rows are read at once, for each row group; all of them where it is not wide.
    rows_at_once: Vec<usize>,
}

impl WideFile {
    pub(crate) fn metadata(&self) -> &Arc<ParquetMetaData> {
        &self.metadata
    }

    /// How many rows of that row group are read at once.
    pub(crate) fn rows_at_once(&self, row_group: usize) -> usize {
        self.rows_at_once[row_group]
    }
}

/// Marks the files of a Parquet scan that have wide row groups; `columns` are those that are wanted, all by default.
pub(crate) async fn mark_wide(
    plan: Arc<dyn ExecutionPlan>,
    state: &dyn Session,
    columns: Option<HashSet<String>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let config = file_scan(plan.as_ref());
    let source = config.and_then(|config| config.file_source().downcast_ref::<ParquetSource>());
    let (Some(config), Some(source)) = (config, source) else { return Ok(plan) };
    let Some(readers) = source.parquet_file_reader_factory() else { return Ok(plan) };
    let looked = Look::new(config, state, columns)?.groups(config).await?;
    if !looked.found {
        return Ok(plan);
    }
    let source = source.clone().with_parquet_file_reader_factory(Arc::new(PagedReaders::new(Arc::clone(readers))));
    let config = FileScanConfigBuilder::from(config.clone())
        .with_source(Arc::new(source))
        .with_file_groups(looked.groups)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

/// What a look at the files needs.
struct Look<'a> {
    state: &'a dyn Session,
    store: Arc<dyn ObjectStore>,
    columns: Option<HashSet<String>>,
    /// More bytes of a row group are not read at once, and pieces have so many.
    wide: usize,
    piece: usize,
}

/// What a look at the files has told.
struct Looked {
    groups: Vec<FileGroup>,
    found: bool,
}

impl<'a> Look<'a> {
    fn new(config: &FileScanConfig, state: &'a dyn Session, columns: Option<HashSet<String>>) -> Result<Self> {
        let memory = match state.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes,
            _ => usize::MAX,
        };
        let wide = (memory / SHARE / state.config().target_partitions().max(1)).max(2 * SMALLEST);
        let store = state.runtime_env().object_store(&config.object_store_url)?;
        Ok(Self { state, store, columns, wide, piece: wide / 2 })
    }

    async fn groups(&self, config: &FileScanConfig) -> Result<Looked> {
        let mut looked = Looked { groups: Vec::new(), found: false };
        for group in &config.file_groups {
            let mut files = Vec::with_capacity(group.len());
            for file in group.iter() {
                files.push(self.file(file, &mut looked).await?);
            }
            looked.groups.push(FileGroup::new(files));
        }
        Ok(looked)
    }

    async fn file(&self, file: &PartitionedFile, looked: &mut Looked) -> Result<PartitionedFile> {
        if file.object_meta.size <= self.wide as u64 {
            return Ok(file.clone());
        }
        let metadata = self.metadata(file, PageIndexPolicy::Skip).await?;
        let widest = metadata.row_groups().iter().map(|group| self.bytes(group)).max().unwrap_or(0);
        if widest <= self.wide {
            return Ok(file.clone());
        }
        let Some(metadata) = self.with_pages(file).await? else { return Ok(file.clone()) };
        let groups = metadata.row_groups().iter().enumerate();
        let rows_at_once = groups.map(|(number, group)| self.rows_at_once(group, pages(&metadata, number))).collect();
        looked.found = true;
        Ok(file.clone().with_extension(WideFile { metadata, rows_at_once }))
    }

    /// The bytes of the wanted columns, as they are in the file.
    fn bytes(&self, group: &RowGroupMetaData) -> usize {
        group.columns().iter().filter(|column| self.is_wanted(column)).map(stored).sum()
    }

    fn is_wanted(&self, column: &ColumnChunkMetaData) -> bool {
        let name = column.column_path().parts().first();
        self.columns.as_ref().is_none_or(|columns| name.is_some_and(|name| columns.contains(name)))
    }

    /// A page is decoded for each piece that has rows of it: pieces are no smaller than the pages of a wide column.
    fn rows_at_once(&self, group: &RowGroupMetaData, pages: &[OffsetIndexMetaData]) -> usize {
        let (bytes, rows) = (self.bytes(group), usize::try_from(group.num_rows()).unwrap_or(0));
        if bytes <= self.wide {
            return rows.max(1);
        }
        let wide = |column: &ColumnChunkMetaData| self.is_wanted(column) && stored(column) > self.wide;
        let columns = group.columns().iter().zip(pages).filter(|(column, _)| wide(column));
        let page = columns.map(|(_, pages)| rows_of_page(pages, rows)).max().unwrap_or(0);
        rows.div_ceil(bytes.div_ceil(self.piece)).max(page).max(1)
    }

    async fn metadata(&self, file: &PartitionedFile, policy: PageIndexPolicy) -> Result<Arc<ParquetMetaData>> {
        let cache = self.state.runtime_env().cache_manager.get_file_metadata_cache();
        let metadata = DFParquetMetadata::new(&self.store, &file.object_meta).with_file_metadata_cache(Some(cache));
        metadata.with_page_index_policy(Some(policy)).fetch_metadata().await
    }

    /// The metadata with the place of each page; none where that is not to be found out.
    async fn with_pages(&self, file: &PartitionedFile) -> Result<Option<Arc<ParquetMetaData>>> {
        let metadata = self.metadata(file, PageIndexPolicy::Optional).await?;
        if metadata.offset_index().is_some_and(|index| index.iter().all(|columns| !columns.is_empty())) {
            return Ok(Some(metadata));
        }
        let index = offset_index(self.store.as_ref(), &file.object_meta.location, &metadata).await?;
        let with = |index| Arc::new(metadata.as_ref().clone().into_builder().set_offset_index(Some(index)).build());
        Ok(index.map(with))
    }
}

fn stored(column: &ColumnChunkMetaData) -> usize {
    usize::try_from(column.compressed_size()).unwrap_or(0)
}

/// The pages of each column of a row group.
fn pages(metadata: &ParquetMetaData, row_group: usize) -> &[OffsetIndexMetaData] {
    metadata.offset_index().and_then(|index| index.get(row_group)).map_or(&[], Vec::as_slice)
}

/// How many of `rows` rows the largest page has.
fn rows_of_page(pages: &OffsetIndexMetaData, rows: usize) -> usize {
    let starts = pages.page_locations().iter().map(|page| usize::try_from(page.first_row_index).unwrap_or(0));
    let starts: Vec<_> = starts.chain([rows]).collect();
    starts.windows(2).map(|page| page[1].saturating_sub(page[0])).max().unwrap_or(0)
}
