//! How the files of one write are written.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::config::{ParquetOptions, TableParquetOptions};
use datafusion::datasource::file_format::write::get_writer_schema;
use datafusion::datasource::physical_plan::FileSinkConfig;
use datafusion::parquet::file::metadata::SortingColumn;
use datafusion::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_expr::expressions::Column;

use crate::error::Error;

/// A row group of so many bytes is ended where nothing else is told.
const ROW_GROUP: usize = 32 << 20;

/// A row group in memory has so many bytes for each column at least; where that is more than it may have, pages wait on
/// disk. With 1,000 columns at 128 MB, 49 row groups of 6 to 33 MB took 174 MB, what the file kept of them included.
const LEAST_IN_MEMORY: usize = 64 << 10;

/// A row group whose pages wait on disk has so many bytes for each column, so that what the file keeps of it until its end
/// is little beside what is written.
const COLUMN_ON_DISK: usize = 256 << 10;

/// Such pages have so many bytes at least.
const LEAST_PAGE: usize = 8 << 10;

/// What the dictionary of a column takes before it has its first value, in bytes.
const DICTIONARY: usize = 80_000;

/// What zstd takes for each column of a row group from the start, in bytes, and from its first page on: of 1,000 columns a
/// write took 240 MB more than was told at 128 MB, and 570 MB at 512.
const ZSTD: usize = 240_000;
const ZSTD_WITH_PAGES: usize = 600_000;

/// The schema of the files, and what was asked for.
#[derive(Clone)]
pub(super) struct FileOptions {
    schema: SchemaRef,
    options: TableParquetOptions,
    sorting: Option<Vec<SortingColumn>>,
    /// Whether pages of a row group in the making wait on disk.
    has_pages_on_disk: bool,
}

impl FileOptions {
    /// None where pages are to be cut by their content, which the engine's own sink alone can.
    ///
    /// Errors: an option that makes no sense.
    pub(super) fn new(config: &FileSinkConfig, options: &TableParquetOptions) -> Result<Option<Self>> {
        check(options)?;
        let schema = get_writer_schema(config);
        let this = Self { schema, options: options.clone(), sorting: None, has_pages_on_disk: false };
        Ok((!options.global.content_defined_chunking.enabled).then_some(this))
    }

    /// Files whose rows come in that order, which readers are told; of plain columns alone.
    pub(super) fn sorted_by(mut self, order: Option<&LexRequirement>) -> Self {
        // Parquet counts the columns inside of others.
        let is_flat = self.schema.fields().iter().all(|field| !field.data_type().is_nested());
        let columns = order.filter(|_| is_flat).map(|order| {
            let sorting = order.iter().map(|key| {
                let column = self.schema.index_of(key.expr.downcast_ref::<Column>()?.name()).ok()?;
                let (column_idx, options) = (i32::try_from(column).ok()?, key.options.unwrap_or_default());
                Some(SortingColumn { column_idx, descending: options.descending, nulls_first: options.nulls_first })
            });
            sorting.collect::<Option<Vec<_>>>()
        });
        self.sorting = columns.flatten();
        self
    }

    /// The same in a session of those options: where there are many columns, pages wait on disk, unless the query asks for
    /// row groups of a size of its own.
    pub(super) fn in_session(mut self, session: &ParquetOptions) -> Self {
        let asked = &self.options.global.max_row_group_bytes;
        let is_asked = asked.is_some() && *asked != session.max_row_group_bytes;
        self.has_pages_on_disk = !is_asked && self.columns() * LEAST_IN_MEMORY > self.bytes_in_memory();
        self
    }

    /// The schema of the files.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many columns there are, those inside of others among them.
    pub(super) fn columns(&self) -> usize {
        self.schema.flattened_fields().len()
    }

    /// Whether the files say nothing of the types that columns have in memory.
    pub(super) fn skips_types(&self) -> bool {
        self.options.global.skip_arrow_metadata
    }

    /// A row group ends at so many bytes.
    pub(super) fn bytes_of_row_group(&self) -> usize {
        match self.has_pages_on_disk {
            true => self.columns() * COLUMN_ON_DISK,
            false => self.bytes_in_memory(),
        }
    }

    /// A row group in memory may have so many bytes.
    fn bytes_in_memory(&self) -> usize {
        self.options.global.max_row_group_bytes.as_ref().map_or(ROW_GROUP, |bytes| bytes.get())
    }

    /// Whether pages of a row group in the making wait on disk.
    pub(super) fn has_pages_on_disk(&self) -> bool {
        self.has_pages_on_disk
    }

    /// Pages that wait on disk have so many bytes at most: there is one of each column in memory.
    fn bytes_of_page(&self) -> usize {
        LEAST_PAGE.max(2 * self.bytes_in_memory() / self.columns().max(1))
    }

    /// What the compressors of a row group take, in bytes; `with_pages` when pages have been made of it.
    pub(super) fn compressors(&self, with_pages: bool) -> usize {
        let of_column = if with_pages { ZSTD_WITH_PAGES } else { ZSTD };
        if self.is_zstd() && !self.are_too_many(ZSTD) { self.columns() * of_column } else { 0 }
    }

    fn is_zstd(&self) -> bool {
        self.options.global.compression.as_ref().is_some_and(|name| name.starts_with("zstd"))
    }

    /// Whether the columns take more than two row groups, so many bytes each.
    fn are_too_many(&self, bytes: usize) -> bool {
        self.columns() * bytes > 2 * self.bytes_in_memory()
    }

    /// The most rows of a row group. Where compressors would be too many, it has one page of each column, compressed one
    /// after the other when it ends.
    pub(super) fn most_rows(&self) -> usize {
        let options = &self.options.global;
        match self.compressors(true) > 0 && self.are_too_many(ZSTD_WITH_PAGES) {
            true => options.max_row_group_size.min(options.data_page_row_count_limit - 1).max(1),
            false => options.max_row_group_size,
        }
    }

    /// A page has so many rows at most.
    pub(super) fn rows_of_page(&self) -> usize {
        self.options.global.data_page_row_count_limit
    }

    /// The same for the writer. Where so many compressors do not fit, there is one that takes nothing. Where the dictionaries of all columns would take half of a row group before its first row,
    /// there are none.
    pub(super) fn properties(&self) -> Result<WriterProperties> {
        let mut options = self.options.clone();
        if !self.skips_types() {
            options.arrow_schema(&self.schema);
        }
        if self.columns() * DICTIONARY > self.bytes_in_memory() / 2 {
            options.global.dictionary_enabled = Some(false);
        }
        if self.has_pages_on_disk {
            options.global.data_pagesize_limit = options.global.data_pagesize_limit.min(self.bytes_of_page());
            // Of so many small pages, statistics of each would be a good part of the file, and of memory to its end.
            if options.global.statistics_enabled.as_deref() == Some("page") {
                options.global.statistics_enabled = Some("chunk".into());
            }
        }
        if self.is_zstd() && self.are_too_many(ZSTD) {
            options.global.compression = Some("lz4_raw".into());
        }
        let properties = WriterPropertiesBuilder::try_from(&options)?;
        Ok(properties.set_sorting_columns(self.sorting.clone()).build())
    }
}

/// With none of these, the writer would panic, or work forever.
fn check(options: &TableParquetOptions) -> Result<()> {
    let options = &options.global;
    let at_least_one = [
        ("row_group_size", Some(options.max_row_group_size)),
        ("write_batch_size", Some(options.write_batch_size)),
        ("data_page_row_count_limit", Some(options.data_page_row_count_limit)),
        ("column_index_truncate_length", options.column_index_truncate_length),
        ("statistics_truncate_length", options.statistics_truncate_length),
    ];
    match at_least_one.into_iter().find(|(_, value)| *value == Some(0)) {
        Some((name, _)) => Err(Error::user(format!("{name} of Parquet is 0")).with_hint("it is 1 at least").into()),
        None => Ok(()),
    }
}
