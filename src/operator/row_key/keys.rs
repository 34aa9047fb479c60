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

use crate::memory::row_bytes;
use crate::operator::pass::{Pass, PassExec};

/// The keys that are made at once have about so many bytes.
const BYTES: usize = 2 << 20;

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

/// A batch as pieces of about as many rows each, whose keys have no more than [`BYTES`]: of a long text that a join has
/// put beside many rows, each of their keys has a copy.
fn pieces(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    let at_once = (rows / row_bytes(&batch).div_ceil(BYTES).max(1)).max(1);
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

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, StringViewArray};

    use super::*;

    /// Eight thousand rows with one text of 300 kB beside them are 2.5 GB of keys, more than one array of bytes may have.
    #[test]
    fn keys_of_a_text_beside_many_rows_are_made_by_pieces() {
        let (text, short) = ("x".repeat(300 << 10), "y".repeat(20));
        let rows = |text: &str| {
            let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(vec![text; 100]));
            RecordBatch::try_from_iter([("s", texts)]).unwrap()
        };
        let lengths = |text| pieces(rows(text)).map(|piece| piece.num_rows()).collect::<Vec<_>>();
        assert_eq!(lengths(&short), [100]);
        assert_eq!(lengths(&text).iter().sum::<usize>(), 100);
        assert!(lengths(&text).iter().all(|rows| *rows * text.len() <= BYTES), "{:?}", lengths(&text));
        assert_eq!(pieces(rows(&short).slice(0, 0)).count(), 0);
    }
}
