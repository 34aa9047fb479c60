//! Wide column chunks that nobody can cut: mapped, not read.
//!
//! The older way to write columns of lists says nowhere which rows a page has, and lets a row begin in one page and end in
//! the next: such a chunk is read as a whole, however wide it is. Mapped, its pages come into memory when they are decoded,
//! and leave it when the limit is near: they are in the file, and come back from there.
//!
//! ```text
//! chunk in the file   ░░░░░░░░░░░░░░░░████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
//!                     decoded, let go  in memory  not read yet
//! ```

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::ParquetMetaData;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::memory::Mapping;

/// Ranges of fewer bytes are read.
const LEAST: u64 = 1 << 20;

/// Files that have wide chunks of this kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uncut;

/// Reads as the other reader does, but maps what is wide.
pub(super) struct MappedReader {
    reader: Box<dyn AsyncFileReader + Send>,
    file: Arc<File>,
}

impl MappedReader {
    pub(super) fn new(reader: Box<dyn AsyncFileReader + Send>, file: File) -> Self {
        Self { reader, file: Arc::new(file) }
    }
}

impl AsyncFileReader for MappedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        match range.end - range.start >= LEAST {
            true => match Mapping::of(&self.file, &range) {
                Ok(mapping) => futures::future::ready(Ok(Bytes::from_owner(mapping))).boxed(),
                Err(_) => self.reader.get_bytes(range),
            },
            false => self.reader.get_bytes(range),
        }
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let all = async move {
            let mut all = Vec::with_capacity(ranges.len());
            for range in ranges {
                all.push(self.get_bytes(range).await?);
            }
            Ok(all)
        };
        all.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        self.reader.get_metadata(options)
    }
}
