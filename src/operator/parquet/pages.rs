//! Pages of a row group on disk, as long as it is in the making.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::spill_file::{SpillFile, SpillWriter};
use datafusion::parquet::arrow::arrow_writer::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::physical_plan::metrics::SpillMetrics;
use parking_lot::Mutex;

use crate::error::Error;
use crate::memory::checksum;

/// What is kept in memory of a page on disk, in bytes: where it is, its checksum, the writer's own key of it, for its
/// header and for its data; and its place in the file that is made.
const PAGE: usize = 128;

/// Pages of all columns of a file, on disk until their row group ends.
///
/// ```text
/// column 0 ─► page ─┐
/// column 1 ─► page ─┼─► one spill file ──► column 0: page page │ column 1: page page │ …    when the row group ends
/// column 2 ─► page ─┘
/// ```
///
/// A row group of many columns has chunks of some size in little memory: only the page in the making of each column is
/// there. A spill file goes with the last column that has pages in it.
pub(super) struct PagesOnDisk {
    disk: Arc<DiskManager>,
    metrics: SpillMetrics,
    /// That of the row group that begins.
    current: Mutex<Option<Arc<PageFile>>>,
    pages: AtomicUsize,
}

impl PagesOnDisk {
    pub(super) fn new(context: &TaskContext, metrics: SpillMetrics) -> Self {
        let disk = Arc::clone(&context.runtime_env().disk_manager);
        Self { disk, metrics, current: Mutex::default(), pages: AtomicUsize::new(0) }
    }

    /// A row group begins.
    pub(super) fn begin(&self) -> Result<()> {
        let file = self.disk.create_tmp_file("pages of Parquet columns")?;
        self.metrics.spill_file_count.add(1);
        self.pages.store(0, Ordering::Relaxed);
        let written = Mutex::new(Written { writer: file.open_writer()?, length: 0, reader: None });
        *self.current.lock() = Some(Arc::new(PageFile { file, written, metrics: self.metrics.clone() }));
        Ok(())
    }

    /// All columns of the row group have their pages.
    pub(super) fn has_begun(&self) {
        *self.current.lock() = None;
    }

    /// What is held for the pages of the row group, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.pages() * PAGE
    }

    /// How many pages the row group has.
    pub(super) fn pages(&self) -> usize {
        self.pages.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for PagesOnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagesOnDisk").field("pages", &self.pages()).finish_non_exhaustive()
    }
}

/// The same, as the writer asks for it.
#[derive(Debug, Clone)]
pub(super) struct Factory(pub(super) Arc<PagesOnDisk>);

impl PageStoreFactory for Factory {
    fn create(&self, _: &PageStoreArgs<'_>) -> ParquetResult<Box<dyn PageStore>> {
        let file = self.0.current.lock().clone();
        let file = file.ok_or_else(|| external(Error::internal("a column without a row group")))?;
        Ok(Box::new(ColumnPages { pages: Arc::clone(&self.0), file, places: Vec::new() }))
    }
}

/// The spill file of one row group.
struct PageFile {
    file: Arc<dyn SpillFile>,
    written: Mutex<Written>,
    metrics: SpillMetrics,
}

struct Written {
    writer: Box<dyn SpillWriter>,
    length: u64,
    /// There from the first page that is read: then all are written.
    reader: Option<File>,
}

impl PageFile {
    fn write(&self, bytes: &[u8]) -> ParquetResult<Place> {
        let mut written = self.written.lock();
        written.writer.write_all(bytes).map_err(|error| external(Error::cannot_spill("a writer of Parquet", error)))?;
        let place = Place { offset: written.length, length: bytes.len(), checksum: checksum(bytes) };
        written.length += bytes.len() as u64;
        self.metrics.spilled_bytes.add(bytes.len());
        Ok(place)
    }

    fn read(&self, place: Place) -> ParquetResult<Bytes> {
        let mut written = self.written.lock();
        if written.reader.is_none() {
            written.writer.finish().map_err(|error| ParquetError::External(Box::new(error)))?;
            let path = self.file.path().ok_or_else(|| external(Error::internal("spill files are local files")))?;
            written.reader = Some(File::open(path).map_err(unreadable)?);
        }
        let Some(reader) = &mut written.reader else { return Ok(Bytes::new()) };
        let mut bytes = vec![0; place.length];
        reader.seek(SeekFrom::Start(place.offset)).and_then(|_| reader.read_exact(&mut bytes)).map_err(unreadable)?;
        if checksum(&bytes) != place.checksum {
            let path = self.file.path().map(|path| path.display().to_string()).unwrap_or_default();
            return Err(external(Error::spill(format!("the spill file '{path}' has been damaged"))));
        }
        Ok(bytes.into())
    }
}

/// Where a part of a page lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    length: usize,
    /// Of the bytes on disk: a damaged page must never come back as rows.
    checksum: u64,
}

/// The pages of one column in one row group.
struct ColumnPages {
    pages: Arc<PagesOnDisk>,
    file: Arc<PageFile>,
    places: Vec<Place>,
}

impl PageStore for ColumnPages {
    fn put(&mut self, value: Bytes) -> ParquetResult<PageKey> {
        self.places.push(self.file.write(&value)?);
        // A page comes in two parts: its header, and its data.
        self.pages.pages.fetch_add(self.places.len() % 2, Ordering::Relaxed);
        Ok(PageKey::new(self.places.len() as u64 - 1))
    }

    fn take(&mut self, key: PageKey) -> ParquetResult<Bytes> {
        let place = usize::try_from(key.get()).ok().and_then(|key| self.places.get(key).copied());
        self.file.read(place.ok_or_else(|| external(Error::internal("a page that was never written")))?)
    }
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

fn unreadable(error: std::io::Error) -> ParquetError {
    external(Error::io("a writer of Parquet cannot read back what it has spilled", error))
}
