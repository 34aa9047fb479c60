//! The operator: in the place of the engine's window operator of bounded memory.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::windows::BoundedWindowAggExec;
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode};

use super::stream::{Running, can_run};
use crate::operator::stand_in::{Execution, StandIn};

/// Window functions that are found while rows are read.
///
/// It stands in for all whose input is sorted by partitions first, and whose functions are known.
#[derive(Debug)]
pub(crate) struct RunningWindows(Arc<BoundedWindowAggExec>);

impl StandIn for RunningWindows {
    type Engine = BoundedWindowAggExec;

    const NAME: &'static str = "RunningWindowExec";
    const PREFIX: &'static str = "Running";

    fn of(window: Arc<BoundedWindowAggExec>) -> Result<Option<Self>> {
        let known = window.window_expr().iter().all(|function| can_run(function.as_ref()));
        Ok((known && window.input_order_mode == InputOrderMode::Sorted).then_some(Self(window)))
    }

    fn engine(&self) -> &Arc<BoundedWindowAggExec> {
        &self.0
    }

    fn keeps_order(&self) -> bool {
        true
    }

    fn rows(&self, execution: Execution<'_>) -> Result<SendableRecordBatchStream> {
        let (input, task) = execution.begin()?;
        let running = Running {
            backward: false,
            functions: self.0.window_expr().to_vec(),
            schema: self.0.schema(),
            loan: task.loan(),
            context: task.context,
            figures: task.figures,
            baseline: task.baseline,
        };
        running.stream(input)
    }
}
