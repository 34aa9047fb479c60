//! The rule that puts the bodies of SQL functions in the places of their calls.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionDefinition};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::expressions::{map_expressions, schema_of};
use crate::function::{Aggregates, Environment, inline};

/// Puts the body of an SQL function in the place of each call, so that every later rule sees through it, and tells
/// people's aggregates which query they are in.
///
/// ```text
/// CREATE FUNCTION late(d BIGINT) RETURNS BOOLEAN RETURN d > 15
///
/// before: Filter: late(dep_delay)                  after: Filter: dep_delay > 15     (which a scan can take)
/// ```
///
/// It is the first rule: bodies are of types that are not coerced yet.
#[derive(Debug)]
pub(crate) struct FunctionBodies;

impl AnalyzerRule for FunctionBodies {
    fn name(&self) -> &str {
        "function_bodies"
    }

    fn analyze(&self, plan: LogicalPlan, options: &ConfigOptions) -> Result<LogicalPlan> {
        let environment = Environment::of(options);
        rewrite(plan, &|expr, schema, may_inline| {
            let inlined = if may_inline { inline(expr, schema)? } else { Transformed::no(expr) };
            Ok(if inlined.transformed { inlined } else { of_query(inlined.data, &environment) })
        })
    }
}

/// The same plan with the bodies of SQL functions in the places of their calls.
pub(crate) fn inline_bodies(plan: LogicalPlan) -> Result<LogicalPlan> {
    rewrite(plan, &|expr, schema, may_inline| if may_inline { inline(expr, schema) } else { Ok(Transformed::no(expr)) })
}

type Change<'a> = dyn Fn(Expr, &DFSchema, bool) -> Result<Transformed<Expr>> + 'a;

/// Rewrites every expression; `change` is told whether a body may stand in its place: the sets of a ROLLUP and what
/// GROUPING names have to stay the same words.
fn rewrite(plan: LogicalPlan, change: &Change<'_>) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|plan| {
        let schema = schema_of(&plan)?;
        let sets = matches!(&plan, LogicalPlan::Aggregate(Aggregate { group_expr, .. })
            if matches!(group_expr.first(), Some(Expr::GroupingSet(_))));
        map_expressions(plan, |expr| expr.transform_up(|expr| change(expr, &schema, !sets)))
    })
    .data()
}

fn of_query(expr: Expr, environment: &Environment) -> Transformed<Expr> {
    match expr {
        Expr::AggregateFunction(mut call) => match Aggregates::of_query(&call.func, environment) {
            Some(function) => {
                call.func = Arc::new(function);
                Transformed::yes(Expr::AggregateFunction(call))
            }
            None => Transformed::no(Expr::AggregateFunction(call)),
        },
        Expr::WindowFunction(mut window) => {
            let WindowFunction { fun, .. } = &mut *window;
            if let WindowFunctionDefinition::AggregateUDF(function) = fun
                && let Some(ours) = Aggregates::of_query(function, environment)
            {
                *function = Arc::new(ours);
                return Transformed::yes(Expr::WindowFunction(window));
            }
            Transformed::no(Expr::WindowFunction(window))
        }
        expr => Transformed::no(expr),
    }
}
