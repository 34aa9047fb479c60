//! The rule that makes writes of files all or nothing.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::file_format::csv::CsvSink;
use datafusion::datasource::file_format::json::JsonSink;
use datafusion::datasource::file_format::parquet::ParquetSink;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use crate::operator::{CommitExec, ParquetFiles, PartitionedParquet, WriteInput, WriteInputExec};

/// Puts a [`CommitExec`] above every sink (COPY, INSERT INTO, `write_parquet` and its siblings) and a
/// [`WriteInputExec`] below every sink of files. A sink into memory stages nothing.
///
/// ```text
/// before: DataSinkExec: sink=ParquetFiles        after: CommitExec
///           …                                             DataSinkExec: sink=ParquetFiles
///                                                           WriteInputExec: not_null=[year]
///                                                             …
/// ```
#[derive(Debug)]
pub(crate) struct AtomicWrites;

impl PhysicalOptimizerRule for AtomicWrites {
    fn name(&self) -> &str {
        "atomic_writes"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        // From below: a sink that was wrapped is not met again.
        plan.transform_up(|plan| match plan.downcast_ref::<DataSinkExec>() {
            None => Ok(Transformed::no(plan)),
            Some(write) => {
                let write = match files(write.sink()) {
                    Some(files) => feed(write, files)?,
                    None => plan,
                };
                Ok(Transformed::yes(Arc::new(CommitExec::new(write))))
            }
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What a sink of files wants of its input.
struct Files<'a> {
    config: &'a FileSinkConfig,
    to_text: bool,
}

/// Arrow's sink, which the engine keeps to itself, does not tell.
fn files(sink: &dyn DataSink) -> Option<Files<'_>> {
    let text = |config| Files { config, to_text: true };
    let csv = sink.downcast_ref::<CsvSink>().map(FileSink::config).map(text);
    let json = || sink.downcast_ref::<JsonSink>().map(FileSink::config).map(text);
    let parquet = || sink.downcast_ref::<ParquetFiles>().map(FileSink::config);
    let partitioned = || sink.downcast_ref::<PartitionedParquet>().map(PartitionedParquet::config);
    let by_content = || sink.downcast_ref::<ParquetSink>().map(FileSink::config);
    let binary = || parquet().or_else(partitioned).or_else(by_content);
    csv.or_else(json).or_else(|| binary().map(|config| Files { config, to_text: false }))
}

fn feed(write: &DataSinkExec, Files { config, to_text }: Files<'_>) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = write.input().schema();
    let nullable = |name: &&String| schema.field_with_name(name).is_ok_and(|field| field.is_nullable());
    let keys = config.table_partition_cols.iter().map(|(name, _)| name).filter(nullable).cloned().collect();
    let input = Arc::new(WriteInputExec::new(Arc::clone(write.input()), WriteInput::new(keys, to_text)));
    let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::new(write.clone()).replace_children(vec![input], recompute)
}
