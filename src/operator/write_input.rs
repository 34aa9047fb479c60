//! Rows on their way into files.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use futures::{StreamExt, TryStreamExt};

use super::pass::{Pass, PassExec};
use crate::error::Error;
use crate::memory::{BYTES_OF_ROW, row_bytes};

/// How many rows a batch for a text format has. The engine's writer turns up to a hundred batches a file into text
/// ahead of a slow disk or compressor, and reserves nothing for them.
const TEXT_ROWS: usize = 512;

/// Passes rows on to a sink of files: in small batches where it turns them into text, and none whose partition column
/// is NULL, which is an error.
///
/// The engine names the folder after the value behind a NULL: `k=0` or `k=`. Such a row would be read back as another.
pub(crate) type WriteInputExec = PassExec<WriteInput>;

/// The columns that must not be NULL, and how many rows a batch has at most.
#[derive(Debug, Clone)]
pub(crate) struct WriteInput {
    keys: Vec<String>,
    max_rows: usize,
}

impl WriteInput {
    /// Checks the columns of those names.
    pub(crate) fn new(keys: Vec<String>, to_text: bool) -> Self {
        Self { keys, max_rows: if to_text { TEXT_ROWS } else { usize::MAX } }
    }
}

/// Slices share the memory of their batch. Of long rows they have fewer.
fn slices(batch: RecordBatch, max_rows: usize) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    let max_rows = match max_rows {
        usize::MAX => rows,
        max_rows => max_rows.min(max_rows * BYTES_OF_ROW * rows / row_bytes(&batch).max(1)),
    };
    (0..rows).step_by(max_rows.min(rows).max(1)).map(move |start| batch.slice(start, max_rows.min(rows - start)))
}

fn check(batch: RecordBatch, keys: &[String]) -> Result<RecordBatch> {
    let has_null = |key: &&String| batch.column_by_name(key).is_some_and(|column| column.logical_null_count() > 0);
    match keys.iter().find(has_null) {
        None => Ok(batch),
        Some(key) => Err(Error::data(format!("the partition column '{key}' is NULL in a row"))
            .with_hint(format!("leave such rows out, or give them a value with coalesce({key}, …)"))
            .into()),
    }
}

impl Pass for WriteInput {
    const NAME: &'static str = "WriteInputExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let (keys, max_rows) = (self.keys.clone(), self.max_rows);
        let batches = input.execute(partition, context)?;
        let schema = batches.schema();
        let slices = batches
            .map(move |batch| check(batch?, &keys))
            .map_ok(move |batch| futures::stream::iter(slices(batch, max_rows).map(Ok)))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, slices)))
    }

    fn describe(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.join(", ");
        match t {
            _ if keys.is_empty() && matches!(t, DisplayFormatType::TreeRender) => Ok(()),
            _ if keys.is_empty() => f.write_str(Self::NAME),
            DisplayFormatType::TreeRender => write!(f, "not_null={keys}"),
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(f, "WriteInputExec: not_null=[{keys}]"),
        }
    }
}
