//! The operator: the engine's window operator, partition by partition.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::windows::WindowAggExec;

use super::backward::Backward;
use super::stream::Windows;
use crate::operator::stand_in::{Execution, StandIn};

/// A window operator of the engine that holds one partition at a time, and none that is larger than the budget.
///
/// It stands in for all whose input has an end.
#[derive(Debug)]
pub(crate) struct PartitionWindows(Arc<WindowAggExec>);

impl StandIn for PartitionWindows {
    type Engine = WindowAggExec;

    const NAME: &'static str = "SpillingWindowExec";
    const PREFIX: &'static str = "Spilling";

    fn of(window: Arc<WindowAggExec>) -> Result<Option<Self>> {
        Ok((!window.input().boundedness().is_unbounded()).then_some(Self(window)))
    }

    fn engine(&self) -> &Arc<WindowAggExec> {
        &self.0
    }

    fn keeps_order(&self) -> bool {
        true
    }

    fn rows(&self, execution: Execution<'_>) -> Result<SendableRecordBatchStream> {
        let (input, task) = execution.begin()?;
        let backward = Backward::of(self.0.window_expr(), &self.0.input().schema())?;
        let windows = Windows {
            backward,
            window: Arc::clone(&self.0),
            loan: task.loan(),
            context: task.context,
            figures: task.figures,
            baseline: task.baseline,
        };
        Ok(windows.stream(input))
    }
}
