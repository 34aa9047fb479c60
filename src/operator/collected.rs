//! Operators that collect the values of many rows in one.

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateOutputMode};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use super::aggregate::{Aggregate, collects};
use super::stand_in::engine_of;
use super::window::{PartitionWindows, RunningWindows, aggregate_of};

/// Whether `node` has lists or texts for many rows that may each be as long as all of its input.
pub(crate) fn collects_values(node: &dyn ExecutionPlan) -> bool {
    if let Some(aggregate) = node.downcast_ref::<AggregateExec>().or_else(|| engine_of::<Aggregate>(node)) {
        let makes_rows = aggregate.mode().output_mode() == AggregateOutputMode::Final;
        let has_groups = !aggregate.group_expr().is_true_no_grouping();
        return makes_rows && has_groups && aggregate.aggr_expr().iter().any(|function| collects(function));
    }
    let whole = node.downcast_ref().or_else(|| engine_of::<PartitionWindows>(node)).map(WindowAggExec::window_expr);
    let running = || node.downcast_ref().or_else(|| engine_of::<RunningWindows>(node));
    let functions = whole.or_else(|| running().map(BoundedWindowAggExec::window_expr)).unwrap_or_default();
    functions.iter().filter_map(|function| aggregate_of(function.as_ref())).any(collects)
}
