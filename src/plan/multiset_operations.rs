//! The rule that counts copies in EXCEPT ALL and INTERSECT ALL.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Distinct, Expr, ExprFunctionExt, Join, LogicalPlan, LogicalPlanBuilder, col};
use datafusion::optimizer::AnalyzerRule;

/// Numbers the copies of each row, so that the third copy on one side meets the third on the other. The engine asks
/// for each row of the left side whether the right side has one like it: `{2, 2} EXCEPT ALL {2}` was empty.
///
/// ```text
/// before: LeftAnti Join: l.x = r.x               after: Projection: l.x
///           l                                             LeftAnti Join: l.x = r.x, left copy = right copy
///           r                                               Window: row_number() PARTITION BY l.x AS left copy
///                                                             l
///                                                           Window: row_number() PARTITION BY r.x AS right copy
///                                                             r
/// ```
#[derive(Debug)]
pub(crate) struct MultisetOperations;

impl AnalyzerRule for MultisetOperations {
    fn name(&self) -> &str {
        "multiset_operations"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) if is_multiset_operation(&join) => Ok(Transformed::yes(count_copies(join)?)),
            plan => Ok(Transformed::no(plan)),
        })
        .data()
    }
}

/// EXCEPT and INTERSECT alone compare NULL with NULL before the plan is optimized; without ALL their left side is
/// distinct, and one copy needs no number.
fn is_multiset_operation(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
        && join.on.len() == join.left.schema().fields().len()
        && !is_distinct(&join.left)
}

fn is_distinct(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => is_distinct(&alias.input),
        plan => matches!(plan, LogicalPlan::Distinct(Distinct::All(_))),
    }
}

fn count_copies(join: Join) -> Result<LogicalPlan> {
    const COPIES: [&str; 2] = ["left copy", "right copy"];
    let columns = columns(&join.left);
    let mut on = join.on;
    on.push((col(Column::from_name(COPIES[0])), col(Column::from_name(COPIES[1]))));
    let [left, right] = [numbered(&join.left, COPIES[0])?, numbered(&join.right, COPIES[1])?];
    let join = Join::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        None,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(join)).project(columns)?.build()
}

/// The rows of a plan, each with the number of its copy.
fn numbered(plan: &LogicalPlan, name: &str) -> Result<LogicalPlan> {
    let mut columns = columns(plan);
    let number = row_number().partition_by(columns.clone()).build()?;
    columns.push(Expr::from(Column::from_name(number.schema_name().to_string())).alias(name));
    LogicalPlanBuilder::from(plan.clone()).window([number])?.project(columns)?.build()
}

fn columns(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}
