//! Readers that know where the pages of a wide file begin.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectMeta;
use object_store::local::LocalFileSystem;

use super::WideFile;
use super::footers::Footers;
use super::mapped::{MappedReader, Uncut};

/// Readers of another kind, with what is known of wide files.
#[derive(Debug)]
pub(super) struct PagedReaders {
    readers: Arc<dyn ParquetFileReaderFactory>,
    footers: Arc<Footers>,
    /// Whether the files are those of this machine.
    is_local: bool,
}

impl PagedReaders {
    pub(super) fn new(readers: Arc<dyn ParquetFileReaderFactory>, footers: Arc<Footers>, is_local: bool) -> Self {
        Self { readers, footers, is_local }
    }

    /// The file, if it is one of this machine. Where it cannot be opened, the other reader says why.
    fn open(&self, file: &ObjectMeta) -> Option<File> {
        let path = LocalFileSystem::new().path_to_filesystem(&file.location).ok().filter(|_| self.is_local)?;
        File::open(path).ok()
    }
}

impl ParquetFileReaderFactory for PagedReaders {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let wide = file.extension::<WideFile>().map(|_| file.object_meta.clone());
        let uncut = file.extension::<Uncut>().and_then(|_| self.open(&file.object_meta));
        let reader = self.readers.create_reader(partition, file, metadata_size_hint, metrics)?;
        Ok(match (wide, uncut) {
            (Some(file), _) => Box::new(PagedReader { reader, file, footers: Arc::clone(&self.footers) }),
            (None, Some(file)) => Box::new(MappedReader::new(reader, file)),
            (None, None) => reader,
        })
    }
}

struct PagedReader {
    reader: Box<dyn AsyncFileReader + Send>,
    file: ObjectMeta,
    footers: Arc<Footers>,
}

impl AsyncFileReader for PagedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.reader.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.reader.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let footer = self.footers.with_pages(&self.file).map(|footer| {
            let footer = footer.map_err(|error| ParquetError::External(Box::new(error)))?;
            footer.ok_or_else(|| ParquetError::General(format!("the pages of '/{}' have moved", self.file.location)))
        });
        footer.boxed()
    }
}
