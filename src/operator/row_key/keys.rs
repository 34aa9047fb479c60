//! The operator that makes rows keys.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan, PhysicalExpr};
use futures::StreamExt;

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
        let field = Field::new(name, DataType::BinaryView, true);
        Self { key, schema: Arc::new(Schema::new(vec![field])) }
    }
}

impl Pass for RowKeys {
    const NAME: &'static str = "RowKeysExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let Self { key, schema } = self.clone();
        let keys = input.execute(partition, context)?.map(move |batch| {
            let batch = batch?;
            let keys = key.evaluate(&batch)?.into_array(batch.num_rows())?;
            Ok(RecordBatch::try_new(Arc::clone(&schema), vec![keys])?)
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
