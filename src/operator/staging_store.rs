//! The local file system as a write sees it: reads go through, writes go to a staging folder.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::error::Result as EngineResult;
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::FutureExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use url::Url;

use super::staging::Staging;

/// The bytes type of `object_store`, whose crate is no dependency of ours.
type Bytes = <PutPayload as IntoIterator>::Item;

/// Sends what a query writes to local files into `staging`, and leaves every other store as it is.
#[derive(Debug)]
pub(super) struct StagingRegistry {
    inner: Arc<dyn ObjectStoreRegistry>,
    staging: Arc<Mutex<Staging>>,
}

impl StagingRegistry {
    pub(super) fn new(inner: Arc<dyn ObjectStoreRegistry>, staging: Arc<Mutex<Staging>>) -> Self {
        Self { inner, staging }
    }
}

impl ObjectStoreRegistry for StagingRegistry {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.inner.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> EngineResult<Arc<dyn ObjectStore>> {
        let reads = self.inner.get_store(url)?;
        if url.scheme() != "file" {
            return Ok(reads);
        }
        Ok(Arc::new(StagingStore { reads, staging: Arc::clone(&self.staging) }))
    }
}

#[derive(Debug)]
struct StagingStore {
    reads: Arc<dyn ObjectStore>,
    staging: Arc<Mutex<Staging>>,
}

impl StagingStore {
    async fn create(&self, location: &Path) -> Result<StagedFile> {
        let place = LocalFileSystem::new().path_to_filesystem(location)?;
        let staging = Arc::clone(&self.staging);
        let file = spawn_blocking(move || {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("'{}': {error}", place.display()));
            staging.lock().create(&place).map_err(named)
        });
        let (file, waits) = file.await?.map_err(failed)?;
        Ok(StagedFile { file: Arc::new(Mutex::new(file)), offset: 0, waits })
    }
}

fn failed(source: io::Error) -> Error {
    Error::Generic { store: "local file", source: Box::new(source) }
}

/// A file of so many bytes does not wait for the commit to be put on disk.
const LARGE: u64 = 8 << 20;

/// One file of the staging. Parts are written by several tasks at once: each knows its offset.
#[derive(Debug)]
struct StagedFile {
    file: Arc<Mutex<File>>,
    offset: u64,
    /// Whether the commit puts it on disk.
    waits: bool,
}

impl StagedFile {
    /// Puts it on disk before it is moved: a name must never come to stand for data that is not there. One of many small
    /// files waits for the commit.
    async fn sync(&self) -> Result<PutResult> {
        if !self.waits || self.offset >= LARGE {
            let file = Arc::clone(&self.file);
            spawn_blocking(move || file.lock().sync_all()).await?.map_err(failed)?;
        }
        Ok(PutResult { e_tag: None, version: None })
    }
}

fn write_at(file: &mut File, offset: u64, data: &PutPayload) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    data.iter().try_for_each(|bytes| file.write_all(bytes))
}

#[async_trait]
impl MultipartUpload for StagedFile {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (file, offset) = (Arc::clone(&self.file), self.offset);
        self.offset += data.content_length() as u64;
        async move { spawn_blocking(move || write_at(&mut file.lock(), offset, &data)).await?.map_err(failed) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.sync().await
    }

    /// The staging goes as a whole.
    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}

impl fmt::Display for StagingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "staging before {}", self.reads)
    }
}

#[async_trait]
impl ObjectStore for StagingStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, _: PutOptions) -> Result<PutResult> {
        let mut file = self.create(location).await?;
        file.put_part(payload).await?;
        file.sync().await
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(self.create(location).await?))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.reads.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.reads.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.reads.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.reads.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.reads.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.reads.copy_opts(from, to, options).await
    }
}
