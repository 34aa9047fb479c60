//! The footers of files, with the place of each page.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use parking_lot::Mutex;

use super::pages::offset_index;

/// Reads footers, and keeps those that were read last: a wide file is read by many pieces, one after the other, and a
/// scan may have thousands of such files.
pub(super) struct Footers {
    store: Arc<dyn ObjectStore>,
    cache: Arc<FileMetadataCache>,
    /// Of files that each thread reads at the moment.
    last: Mutex<VecDeque<(Path, Arc<ParquetMetaData>)>>,
    kept: usize,
}

impl Footers {
    /// Of files in that store.
    pub(super) fn new(store: Arc<dyn ObjectStore>, state: &dyn Session) -> Self {
        let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        Self { store, cache, last: Mutex::default(), kept: state.config().target_partitions() + 2 }
    }

    /// The footer without its page index.
    pub(super) async fn plain(&self, file: &ObjectMeta) -> Result<Arc<ParquetMetaData>> {
        self.read(file, PageIndexPolicy::Skip).await
    }

    async fn read(&self, file: &ObjectMeta, policy: PageIndexPolicy) -> Result<Arc<ParquetMetaData>> {
        let footer = DFParquetMetadata::new(&self.store, file).with_file_metadata_cache(Some(Arc::clone(&self.cache)));
        footer.with_page_index_policy(Some(policy)).fetch_metadata().await
    }

    /// The footer with the place of each page; none where that is not to be found out.
    pub(super) async fn with_pages(&self, file: &ObjectMeta) -> Result<Option<Arc<ParquetMetaData>>> {
        let known = |last: &VecDeque<(Path, Arc<ParquetMetaData>)>| {
            last.iter().find(|(path, _)| *path == file.location).map(|(_, footer)| Arc::clone(footer))
        };
        if let Some(footer) = known(&self.last.lock()) {
            return Ok(Some(footer));
        }
        let Some(footer) = self.find_pages(file).await? else { return Ok(None) };
        let mut last = self.last.lock();
        last.push_back((file.location.clone(), Arc::clone(&footer)));
        if last.len() > self.kept {
            last.pop_front();
        }
        Ok(Some(footer))
    }

    async fn find_pages(&self, file: &ObjectMeta) -> Result<Option<Arc<ParquetMetaData>>> {
        let footer = self.read(file, PageIndexPolicy::Optional).await?;
        if footer.offset_index().is_some_and(|index| index.iter().all(|columns| !columns.is_empty())) {
            return Ok(Some(footer));
        }
        let index = offset_index(self.store.as_ref(), &file.location, &footer).await?;
        let with = |index| Arc::new(footer.as_ref().clone().into_builder().set_offset_index(Some(index)).build());
        Ok(index.map(with))
    }
}

impl fmt::Debug for Footers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Footers").finish_non_exhaustive()
    }
}
