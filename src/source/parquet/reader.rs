//! Readers that know where the pages of a wide file begin.

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

use super::WideFile;
use super::footers::Footers;

/// Readers of another kind, with what is known of wide files.
#[derive(Debug)]
pub(super) struct PagedReaders {
    readers: Arc<dyn ParquetFileReaderFactory>,
    footers: Arc<Footers>,
}

impl PagedReaders {
    pub(super) fn new(readers: Arc<dyn ParquetFileReaderFactory>, footers: Arc<Footers>) -> Self {
        Self { readers, footers }
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
        let reader = self.readers.create_reader(partition, file, metadata_size_hint, metrics)?;
        Ok(match wide {
            Some(file) => Box::new(PagedReader { reader, file, footers: Arc::clone(&self.footers) }),
            None => reader,
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
