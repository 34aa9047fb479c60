//! The operator that makes rows keys.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, PhysicalExpr};
use futures::{StreamExt, TryStreamExt};

use crate::memory::{row_bytes, rows_of_batch};
use crate::operator::pass::{Pass, PassExec};

/// Gives out the key of each row and nothing else.
///
/// A projection in its place would be moved into the scan: that reads whole rows then, and is not seen to read long ones.
pub(crate) type RowKeysExec = PassExec<RowKeys>;

/// The key, and the column that it is.
#[derive(Debug, Clone)]
pub(crate) struct RowKeys {
    key: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

impl RowKeys {
    /// The key as a column of that name.
    pub(crate) fn new(key: Arc<dyn PhysicalExpr>, name: &str) -> Self {
        let field = Field::new(name, DataType::BinaryView, false);
        Self { key, schema: Arc::new(Schema::new(vec![field])) }
    }

    fn of_rows(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let keys = self.key.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), vec![keys])?)
    }
}

/// A batch as pieces whose keys have about as many bytes as a batch usually has: of a long text that a join has put
/// beside many rows, each of their keys has a copy.
fn pieces(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    let at_once = rows_of_batch(rows, row_bytes(&batch) / rows.max(1)).max(1);
    (0..rows).step_by(at_once).map(move |first| batch.slice(first, at_once.min(rows - first)))
}

impl Pass for RowKeys {
    const NAME: &'static str = "RowKeysExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let (keys, baseline) = (self.clone(), BaselineMetrics::new(metrics, partition));
        let pieces = input.execute(partition, context)?.map_ok(|batch| futures::stream::iter(pieces(batch).map(Ok)));
        let keys = pieces.try_flatten().map(move |piece: Result<RecordBatch>| {
            let _timer = baseline.elapsed_compute().timer();
            let piece = keys.of_rows(&piece?)?;
            baseline.record_output(piece.num_rows());
            Ok(piece)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), keys)))
    }

    fn describe(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::TreeRender => Ok(()),
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(f, "RowKeysExec: {}", self.key),
        }
    }

    fn expressions(&self) -> &[Arc<dyn PhysicalExpr>] {
        std::slice::from_ref(&self.key)
    }

    fn columns(&self) -> Option<&SchemaRef> {
        Some(&self.schema)
    }
}
