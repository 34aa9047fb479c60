//! Writes of files of about a size.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::physical_plan::ExecutionPlan;

use crate::error::Error;
use crate::operator::{ParquetFiles, PartitionedParquet, SizedText};

/// The plan with files of about `bytes` each.
///
/// Errors: a format that cannot.
pub(crate) fn sized_files(plan: Arc<dyn ExecutionPlan>, bytes: u64) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some(write) = node.downcast_ref::<DataSinkExec>() else { return Ok(Transformed::no(node)) };
        let sink = sized(write.sink(), bytes).ok_or_else(|| {
            Error::user("file_size is for Parquet, not chunked by content, and for CSV and JSON without partition_by")
                .with_hint("write Parquet, or leave file_size out")
        })?;
        let write = DataSinkExec::new(Arc::clone(write.input()), sink, write.sort_order().clone());
        Ok(Transformed::yes(Arc::new(write)))
    })
    .data()
}

fn sized(sink: &dyn DataSink, bytes: u64) -> Option<Arc<dyn DataSink>> {
    if let Some(parquet) = sink.downcast_ref::<ParquetFiles>() {
        return Some(Arc::new(PartitionedParquet::sized(parquet, bytes)));
    }
    if let Some(partitioned) = sink.downcast_ref::<PartitionedParquet>() {
        return Some(Arc::new(partitioned.with_file_size(bytes)));
    }
    Some(Arc::new(SizedText::new(sink, bytes)?))
}
