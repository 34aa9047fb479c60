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

use super::commit::CommitExec;
use super::partition_keys::PartitionKeysExec;

/// Puts a [`CommitExec`] above every sink (COPY, INSERT INTO, `write_parquet` and its siblings) and, where the rows go
/// into partition folders, a [`PartitionKeysExec`] below it. A sink that writes no files, such as an insert into a
/// table in memory, stages nothing.
///
/// ```text
/// before: DataSinkExec: sink=ParquetSink(…)      after: CommitExec
///           …                                             DataSinkExec: sink=ParquetSink(…)
///                                                           PartitionKeysExec: not_null=[year]
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
                let keys = partition_columns(write);
                let write = if keys.is_empty() { plan } else { check_keys(plan, keys)? };
                Ok(Transformed::yes(Arc::new(CommitExec::new(write))))
            }
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn check_keys(write: Arc<dyn ExecutionPlan>, keys: Vec<String>) -> Result<Arc<dyn ExecutionPlan>> {
    let check = |input: &Arc<dyn ExecutionPlan>| -> Arc<dyn ExecutionPlan> {
        Arc::new(PartitionKeysExec::new(Arc::clone(input), keys.clone()))
    };
    let checked = write.children().into_iter().map(check).collect();
    write.replace_children(checked, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
}

/// The partition columns that may be NULL. Arrow's sink, which the engine keeps to itself, does not tell.
fn partition_columns(write: &DataSinkExec) -> Vec<String> {
    let Some(config) = file_sink(write.sink()) else { return Vec::new() };
    let schema = write.input().schema();
    let nullable = |name: &&String| schema.field_with_name(name).is_ok_and(|field| field.is_nullable());
    config.table_partition_cols.iter().map(|(name, _)| name).filter(nullable).cloned().collect()
}

fn file_sink(sink: &dyn DataSink) -> Option<&FileSinkConfig> {
    let csv = sink.downcast_ref::<CsvSink>().map(FileSink::config);
    let json = || sink.downcast_ref::<JsonSink>().map(FileSink::config);
    let parquet = || sink.downcast_ref::<ParquetSink>().map(FileSink::config);
    csv.or_else(json).or_else(parquet)
}
