//! The rule that takes FILTER out of window functions.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFunctionDefinition};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::expressions::{map_expressions, where_true};

/// Aggregates to which a row with a NULL in the first argument is none.
const LEAVE_NULLS_OUT: [&str; 29] = [
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "median",
    "mode",
    "stddev",
    "stddev_pop",
    "var",
    "var_pop",
    "covar_samp",
    "covar_pop",
    "corr",
    "regr_slope",
    "regr_intercept",
    "regr_count",
    "regr_r2",
    "regr_avgx",
    "regr_avgy",
    "regr_sxx",
    "regr_syy",
    "regr_sxy",
    "bool_and",
    "bool_or",
    "bit_and",
    "bit_or",
    "bit_xor",
    "string_agg",
];

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
            // A row is left out for one NULL; a separator or a share stays the literal that it has to be.
            if let Some(argument) = call.params.args.first_mut() {
                *argument = where_true(filter.as_deref(), argument)?;
            }
            Ok(Transformed::yes(Expr::WindowFunction(call)))
        }
        expr => Ok(Transformed::no(expr)),
    }
}

fn can_do_without(call: &WindowFunction) -> bool {
    let WindowFunctionDefinition::AggregateUDF(function) = &call.fun else { return false };
    LEAVE_NULLS_OUT.contains(&function.name()) && call.params.filter.is_some()
}
