//! Where the pages of a file begin.

use datafusion::common::Result;
use datafusion::parquet::file::metadata::{
    ColumnChunkMetaData, OffsetIndexBuilder, ParquetMetaData, ParquetOffsetIndex, RowGroupMetaData,
};
use datafusion::parquet::file::page_index::offset_index::OffsetIndexMetaData;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::header::{Header, Page};

/// What is read for a header at first: most have some thirty bytes, but the statistics in them may be long texts.
const FIRST_LOOK: u64 = 256;

/// A header that is longer is none.
const LONGEST: u64 = 1 << 20;

/// The places of all pages of all row groups, by the headers in front of them. None where the rows of a page are not
/// told: columns of lists, written the older way.
pub(super) async fn offset_index(
    store: &dyn ObjectStore,
    path: &Path,
    metadata: &ParquetMetaData,
) -> Result<Option<ParquetOffsetIndex>> {
    let mut index = Vec::with_capacity(metadata.num_row_groups());
    for row_group in metadata.row_groups() {
        let mut columns = Vec::with_capacity(row_group.num_columns());
        for column in row_group.columns() {
            let walk = Walk { store, path, row_group, column };
            match walk.offset_index().await? {
                Some(pages) => columns.push(pages),
                None => return Ok(None),
            }
        }
        index.push(columns);
    }
    Ok(Some(index))
}

/// A walk from page to page of one column of one row group.
struct Walk<'a> {
    store: &'a dyn ObjectStore,
    path: &'a Path,
    row_group: &'a RowGroupMetaData,
    column: &'a ColumnChunkMetaData,
}

impl Walk<'_> {
    async fn offset_index(&self) -> Result<Option<OffsetIndexMetaData>> {
        let (mut at, length) = self.column.byte_range();
        let end = at + length;
        let mut pages = OffsetIndexBuilder::new();
        let mut left = self.row_group.num_rows();
        while at < end && left > 0 {
            let Some(header) = self.header(at, end).await? else { return Ok(None) };
            let whole = header.length as u64 + header.page_length;
            if let Page::Data { values, rows } = header.page {
                let has_lists = self.column.column_descr().max_rep_level() > 0;
                let Some(rows) = rows.or((!has_lists).then_some(values)) else { return Ok(None) };
                let (Ok(offset), Ok(size)) = (i64::try_from(at), i32::try_from(whole)) else { return Ok(None) };
                pages.append_row_count(rows);
                pages.append_offset_and_size(offset, size);
                left -= rows;
            }
            at += whole;
        }
        // A walk that went astray is worth nothing.
        Ok((left == 0).then(|| pages.build()))
    }

    async fn header(&self, at: u64, end: u64) -> Result<Option<Header>> {
        let mut look = FIRST_LOOK;
        loop {
            let until = end.min(at + look);
            let bytes = self.store.get_range(self.path, at..until).await?;
            match Header::parse(&bytes) {
                Some(header) => return Ok(Some(header)),
                None if until == end || look >= LONGEST => return Ok(None),
                None => look *= 16,
            }
        }
    }
}
