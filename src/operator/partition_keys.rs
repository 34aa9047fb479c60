//! Rows on their way into partition folders.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;

use crate::error::Error;

/// Passes rows on and fails at one whose partition column is NULL.
///
/// The engine names the folder after the value behind a NULL: `k=0` or `k=`. Such a row would be read back as another.
#[derive(Debug)]
pub(crate) struct PartitionKeysExec {
    input: Arc<dyn ExecutionPlan>,
    columns: Vec<String>,
}

impl PartitionKeysExec {
    /// Checks the columns of those names.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, columns: Vec<String>) -> Self {
        Self { input, columns }
    }
}

fn check(batch: RecordBatch, columns: &[String]) -> Result<RecordBatch> {
    let has_null = |column: &&String| batch.column_by_name(column).is_some_and(|keys| keys.logical_null_count() > 0);
    match columns.iter().find(has_null) {
        None => Ok(batch),
        Some(column) => Err(Error::data(format!("the partition column '{column}' is NULL in a row"))
            .with_hint(format!("leave such rows out, or give them a value with coalesce({column}, …)"))
            .into()),
    }
}

impl DisplayAs for PartitionKeysExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "PartitionKeysExec: not_null=[{}]", self.columns.join(", "))
            }
            DisplayFormatType::TreeRender => write!(f, "not_null={}", self.columns.join(", ")),
        }
    }
}

impl ExecutionPlan for PartitionKeysExec {
    fn name(&self) -> &str {
        "PartitionKeysExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self::new(input, self.columns.clone()))),
            Err(_) => Err(Error::internal("a check of partition columns has one input").into()),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let columns = self.columns.clone();
        let rows = self.input.execute(partition, context)?.map(move |batch| check(batch?, &columns));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
