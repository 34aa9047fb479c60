//! The operator: in the place of the engine's sort.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::chunk::Keys;
use super::sorter::Sort;
use crate::operator::stand_in::{Execution, StandIn};

/// A sort of all rows, of each partition or of the one there is, by way of the disk if need be.
///
/// It stands in for all but the sorts that want the first rows only, whose input has no end, or whose keys have a type
/// that only the engine compares.
#[derive(Debug)]
pub(crate) struct Sorting(Arc<SortExec>);

impl StandIn for Sorting {
    type Engine = SortExec;

    const NAME: &'static str = "SpillingSortExec";
    const PREFIX: &'static str = "Spilling";

    fn of(sort: Arc<SortExec>) -> Result<Option<Self>> {
        let possible = sort.fetch().is_none()
            && !sort.input().boundedness().is_unbounded()
            && Keys::exist_for(sort.expr(), &sort.input().schema());
        Ok(possible.then_some(Self(sort)))
    }

    fn engine(&self) -> &Arc<SortExec> {
        &self.0
    }

    fn keeps_order(&self) -> bool {
        false
    }

    fn rows(&self, execution: Execution<'_>) -> Result<SendableRecordBatchStream> {
        let (input, task) = execution.begin()?;
        Ok(Sort::new(task, self.0.expr().clone()).stream(input))
    }
}
