//! Batches of fewer rows than the session's, for all operators of one query.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};

use super::pass::{Pass, PassExec};

/// Executes its input with batches of so many rows.
///
/// ```text
/// SmallBatchesExec: rows=20        everything below makes batches of 20 rows of 100 kB each,
///   SpillingSortExec               not of 8,192, which would have 800 MB
///     DataSourceExec
/// ```
pub(crate) type SmallBatchesExec = PassExec<SmallBatches>;

/// How many rows a batch has.
#[derive(Debug, Clone)]
pub(crate) struct SmallBatches {
    pub(crate) rows: usize,
}

impl Pass for SmallBatches {
    const NAME: &'static str = "SmallBatchesExec";

    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        _: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream> {
        let config = context.session_config().clone().with_batch_size(self.rows);
        let small = TaskContext::new(
            context.task_id(),
            context.session_id(),
            config,
            context.scalar_functions().clone(),
            context.higher_order_functions().clone(),
            context.aggregate_functions().clone(),
            context.window_functions().clone(),
            context.runtime_env(),
        );
        input.execute(partition, Arc::new(small))
    }

    fn describe(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmallBatchesExec: rows={}", self.rows)
    }
}
