//! The rule that takes FILTER out of window functions.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFunctionDefinition};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::expressions::{map_expressions, where_true};

/// Says FILTER as NULL where it is not true, for aggregates that leave NULLs out.
///
/// ```text
/// sum(x) FILTER (WHERE c) OVER (…)   →   sum(CASE WHEN coalesce(c, false) THEN x END) OVER (…)
/// ```
///
/// A window function keeps its FILTER to itself, where an operator that goes through disk cannot ask for it.
#[derive(Debug)]
pub(crate) struct FilteredWindows;

impl OptimizerRule for FilteredWindows {
    fn name(&self) -> &str {
        "filtered_windows"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Window(_) = &plan else { return Ok(Transformed::no(plan)) };
        map_expressions(plan, |expr| expr.transform_up(without_filter))
    }
}

fn without_filter(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::WindowFunction(mut call) if can_do_without(&call) => {
            let filter = call.params.filter.take();
            for argument in &mut call.params.args {
                *argument = where_true(filter.as_deref(), argument)?;
            }
            Ok(Transformed::yes(Expr::WindowFunction(call)))
        }
        expr => Ok(Transformed::no(expr)),
    }
}

fn can_do_without(call: &WindowFunction) -> bool {
    let WindowFunctionDefinition::AggregateUDF(function) = &call.fun else { return false };
    let leaves_nulls_out = matches!(
        function.name(),
        "count" | "sum" | "avg" | "min" | "max" | "median" | "stddev" | "stddev_pop" | "var" | "var_pop" | "mode"
    );
    leaves_nulls_out && call.params.filter.is_some()
}
