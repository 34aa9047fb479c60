//! What is known of the rows of many files.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::heap_size::{DFHeapSize, DFHeapSizeCtx};
use datafusion::common::stats::Statistics;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryLimit;

/// The statistics of single files take this share of the memory at most.
const SHARE: usize = 32;

/// So many statistics are merged at a time.
const AT_A_TIME: usize = 64;

/// Files in their order, and what is known of all of their rows together.
///
/// Single files keep their own statistics while those are few. They leave out files, and tell their order; of many files
/// the scan looks at the footer of each when it comes to it.
pub(super) struct FileStatistics {
    schema: SchemaRef,
    files: Vec<PartitionedFile>,
    merged: Option<Statistics>,
    to_merge: Vec<Arc<Statistics>>,
    /// Bytes that the statistics of single files may take yet; none once they were too many.
    room: Option<usize>,
}

impl FileStatistics {
    /// Of no file yet, of a table of that schema; `all` where each file has to keep its own.
    pub(super) fn new(schema: SchemaRef, state: &dyn Session, all: bool) -> Self {
        let room = match state.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Finite(bytes) if !all => bytes / SHARE,
            _ => usize::MAX,
        };
        Self { schema, files: Vec::new(), merged: None, to_merge: Vec::new(), room: Some(room) }
    }

    /// One more file.
    ///
    /// Errors: it has other columns than the ones before.
    pub(super) fn add(&mut self, mut file: PartitionedFile) -> Result<()> {
        if let Some(statistics) = &file.statistics {
            self.to_merge.push(Arc::clone(statistics));
            let bytes = size_of::<Statistics>() + statistics.heap_size(&mut DFHeapSizeCtx::default());
            self.keep(bytes);
        }
        if self.room.is_none() {
            file.statistics = None;
        }
        self.files.push(file);
        if self.to_merge.len() >= AT_A_TIME { self.merge() } else { Ok(()) }
    }

    fn keep(&mut self, bytes: usize) {
        let Some(room) = self.room else { return };
        self.room = room.checked_sub(bytes);
        if self.room.is_none() {
            // All or none: an order among files is told by all of them.
            self.files.iter_mut().for_each(|file| file.statistics = None);
        }
    }

    fn merge(&mut self) -> Result<()> {
        let known = self.merged.iter().chain(self.to_merge.iter().map(Arc::as_ref));
        self.merged = Some(Statistics::try_merge_iter(known, &self.schema)?);
        self.to_merge.clear();
        Ok(())
    }

    /// The files, and what is known of all together.
    pub(super) fn finish(mut self) -> Result<(Vec<PartitionedFile>, Statistics)> {
        if !self.to_merge.is_empty() {
            self.merge()?;
        }
        let merged = self.merged.unwrap_or_else(|| Statistics::new_unknown(&self.schema));
        Ok((self.files, merged))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::common::ScalarValue;
    use datafusion::common::stats::Precision;

    use super::*;
    use crate::{Context, MemoryLimit};

    fn files(count: i64) -> (SchemaRef, Vec<PartitionedFile>) {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let file = |number: i64| {
            let mut statistics = Statistics::new_unknown(&schema);
            statistics.num_rows = Precision::Exact(2);
            statistics.column_statistics[0].min_value = Precision::Exact(ScalarValue::Int64(Some(-number)));
            statistics.column_statistics[0].max_value = Precision::Exact(ScalarValue::Int64(Some(number)));
            PartitionedFile::new(format!("{number}.parquet"), 1).with_statistics(Arc::new(statistics))
        };
        let files = (0..count).map(file).collect();
        (schema, files)
    }

    /// The statistics of 20,000 files were kept, whatever the limit: planning `LIMIT 1` took 198 MB at 128.
    #[test]
    fn many_files_keep_what_is_known_of_all_of_them() {
        let context = Context::builder().memory_limit(MemoryLimit::smallest()).build().unwrap();
        let state = context.session().state();
        for (count, kept) in [(1, true), (100, true), (20_000, false)] {
            let (schema, files) = files(count);
            let mut statistics = FileStatistics::new(schema, &state, false);
            files.into_iter().for_each(|file| statistics.add(file).unwrap());
            let (files, merged) = statistics.finish().unwrap();
            assert_eq!(files.len() as i64, count);
            assert!(files.iter().all(|file| file.statistics.is_some() == kept), "{count} files");
            assert_eq!(merged.num_rows, Precision::Exact(2 * count as usize));
            let least = ScalarValue::Int64(Some(1 - count));
            assert_eq!(merged.column_statistics[0].min_value, Precision::Exact(least));
        }
    }
}
