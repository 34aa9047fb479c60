//! Which files have wide row groups, and how many rows of them are read at once.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use datafusion::parquet::file::page_index::offset_index::OffsetIndexMetaData;
use datafusion::physical_plan::ExecutionPlan;

use super::footers::Footers;
use super::many::file_scan;
use super::mapped::Uncut;
use super::reader::PagedReaders;

/// A scan holds this share of the memory at most, in all of its threads: more is read by pieces.
const SHARE: usize = 8;

/// A piece is never smaller, in bytes: one page of each column is read at least.
const SMALLEST: usize = 1 << 20;

/// What is kept with a file that has wide row groups.
#[derive(Debug, Clone)]
pub(crate) struct WideFile {
    pub(crate) row_groups: Arc<[WideRowGroup]>,
    /// Of how many columns together the pages of one piece fit: in so many parts are the columns read.
    pub(crate) column_groups: usize,
}

/// What is kept of a row group.
#[derive(Debug, Clone)]
pub(crate) struct WideRowGroup {
    /// Where it begins, in bytes.
    pub(crate) offset: i64,
    pub(crate) rows: usize,
    /// How many rows are read at once; all of them where it is not wide.
    pub(crate) rows_at_once: usize,
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
    let look = Look::new(config, state, columns)?;
    let (groups, found) = look.groups(config).await?;
    if !found {
        return Ok(plan);
    }
    let is_local = config.object_store_url.as_str().starts_with("file:");
    let readers = PagedReaders::new(Arc::clone(readers), Arc::new(look.footers), is_local);
    let source = source.clone().with_parquet_file_reader_factory(Arc::new(readers));
    let config =
        FileScanConfigBuilder::from(config.clone()).with_source(Arc::new(source)).with_file_groups(groups).build();
    Ok(DataSourceExec::from_data_source(config))
}

/// What a look at a file finds.
enum Wide {
    No,
    /// Its row groups can be read by pieces.
    Pages(WideFile),
    /// They cannot.
    Uncut,
}

/// What a look at the files needs.
struct Look {
    footers: Footers,
    columns: Option<HashSet<String>>,
    /// More bytes of a row group are not read at once, and pieces have so many.
    wide: usize,
    piece: usize,
}

/// A thread may hold so many times what is wide, in chunks as they are in the file and in a page of each column; columns
/// are read in groups that hold so many times as much.
const MOST: usize = 6;
const OF_COLUMN_GROUP: usize = 2;

impl Look {
    fn new(config: &FileScanConfig, state: &dyn Session, columns: Option<HashSet<String>>) -> Result<Self> {
        let memory = match state.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes,
            _ => usize::MAX,
        };
        let wide = (memory / SHARE / state.config().target_partitions().max(1)).max(2 * SMALLEST);
        let store = state.runtime_env().object_store(&config.object_store_url)?;
        Ok(Self { footers: Footers::new(store, state), columns, wide, piece: wide / 2 })
    }

    /// The files, and whether any is wide.
    async fn groups(&self, config: &FileScanConfig) -> Result<(Vec<FileGroup>, bool)> {
        let (mut groups, mut found) = (Vec::new(), false);
        for group in &config.file_groups {
            let mut files = Vec::with_capacity(group.len());
            for file in group.iter() {
                let wide = self.wide_file(file).await?;
                found |= !matches!(wide, Wide::No);
                files.push(match wide {
                    Wide::Pages(wide) => file.clone().with_extension(wide),
                    Wide::Uncut => file.clone().with_extension(Uncut),
                    Wide::No => file.clone(),
                });
            }
            groups.push(FileGroup::new(files));
        }
        Ok((groups, found))
    }

    async fn wide_file(&self, file: &PartitionedFile) -> Result<Wide> {
        let file = &file.object_meta;
        if file.size <= self.wide as u64 {
            return Ok(Wide::No);
        }
        let footer = self.footers.plain(file).await?;
        let widest = footer.row_groups().iter().map(|group| self.bytes(group)).max().unwrap_or(0);
        if widest <= self.wide {
            return Ok(Wide::No);
        }
        let Some(footer) = self.footers.with_pages(file).await? else { return Ok(Wide::Uncut) };
        let groups = footer.row_groups().iter().enumerate();
        let groups: Vec<_> = groups.map(|(number, group)| (group, pages(&footer, number))).collect();
        let held = groups.iter().map(|(group, pages)| self.held(group, pages)).max().unwrap_or(0);
        let column_groups = if held > MOST * self.wide { held.div_ceil(OF_COLUMN_GROUP * self.wide) } else { 1 };
        let row_groups = groups.into_iter().map(|(group, pages)| self.row_group(group, pages)).collect();
        Ok(Wide::Pages(WideFile { row_groups, column_groups }))
    }

    /// The bytes that are there at once when a piece is read: what is read of each column, and a page of it. The largest
    /// column does not count: it is not made smaller by being read alone.
    fn held(&self, group: &RowGroupMetaData, pages: &[OffsetIndexMetaData]) -> usize {
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let part = |bytes: i64, of_rows: usize| {
            let bytes = u128::try_from(bytes).unwrap_or(0) * of_rows as u128 / rows.max(1) as u128;
            usize::try_from(bytes).unwrap_or(usize::MAX)
        };
        let at_once = self.rows_at_once(group, pages);
        let columns = group.columns().iter().zip(pages).filter(|(column, _)| self.is_wanted(column));
        let held = columns.map(|(column, pages)| {
            let dictionary = dictionary(column);
            let page = part(column.uncompressed_size(), rows_of_page(pages, rows));
            part(column.compressed_size(), at_once).saturating_add(page).saturating_add(2 * dictionary)
        });
        let (sum, largest) =
            held.fold((0, 0), |(sum, largest): (usize, usize), held| (sum.saturating_add(held), largest.max(held)));
        sum - largest
    }

    fn row_group(&self, group: &RowGroupMetaData, pages: &[OffsetIndexMetaData]) -> WideRowGroup {
        let column = group.column(0);
        WideRowGroup {
            offset: column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset()),
            rows: usize::try_from(group.num_rows()).unwrap_or(0),
            rows_at_once: self.rows_at_once(group, pages),
        }
    }

    /// The bytes of the wanted columns, as they are in the file.
    fn bytes(&self, group: &RowGroupMetaData) -> usize {
        group.columns().iter().filter(|column| self.is_wanted(column)).map(stored).sum()
    }

    fn is_wanted(&self, column: &ColumnChunkMetaData) -> bool {
        let name = column.column_path().parts().first();
        self.columns.as_ref().is_none_or(|columns| name.is_some_and(|name| columns.contains(name)))
    }

    /// A page is decoded for each piece that has rows of it, and a dictionary for each piece: pieces have as many rows as
    /// pages have, so that hardly more than twice of all is decoded. Columns count by their bytes.
    fn rows_at_once(&self, group: &RowGroupMetaData, pages: &[OffsetIndexMetaData]) -> usize {
        let (bytes, rows) = (self.bytes(group), usize::try_from(group.num_rows()).unwrap_or(0));
        if bytes <= self.wide {
            return rows.max(1);
        }
        let columns = group.columns().iter().zip(pages).filter(|(column, _)| self.is_wanted(column));
        let pages = columns.map(|(column, pages)| {
            let (all, dictionary) = (stored(column), dictionary(column));
            let pages = all.saturating_sub(dictionary) as u128 * rows_of_page(pages, rows) as u128;
            pages + dictionary as u128 * rows as u128
        });
        let page = usize::try_from(pages.sum::<u128>() / bytes.max(1) as u128).unwrap_or(rows);
        rows.div_ceil(bytes.div_ceil(self.piece)).max(page).clamp(1, rows.max(1))
    }
}

fn stored(column: &ColumnChunkMetaData) -> usize {
    usize::try_from(column.compressed_size()).unwrap_or(0)
}

/// The bytes of the dictionary of a column, as they are in the file.
fn dictionary(column: &ColumnChunkMetaData) -> usize {
    let bytes = column.dictionary_page_offset().map(|offset| column.data_page_offset().saturating_sub(offset));
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0).min(stored(column))
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
