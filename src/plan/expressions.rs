//! How a rule rewrites the expressions of a plan.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, lit, when};

/// Rewrites every expression of `plan` and of its subqueries, each from below, with the columns that it may name.
pub(super) fn rewrite_expressions<F>(plan: LogicalPlan, rewrite: F) -> Result<LogicalPlan>
where
    F: Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>,
{
    plan.transform_up_with_subqueries(|plan| {
        let schema = schema_of(&plan)?;
        map_expressions(plan, |expr| expr.transform_up(|expr| rewrite(expr, &schema)))
    })
    .data()
}

/// Rewrites the expressions of one node; its columns keep their names.
pub(super) fn map_expressions<F>(plan: LogicalPlan, mut rewrite: F) -> Result<Transformed<LogicalPlan>>
where
    F: FnMut(Expr) -> Result<Transformed<Expr>>,
{
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(rewrite(expr)?.update_data(|expr| name.restore(expr)))
    })
}

/// The columns of the node's inputs.
pub(super) fn schema_of(plan: &LogicalPlan) -> Result<DFSchema> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())
        }
        _ => Ok(merge_schema(&plan.inputs())),
    }
}

/// The value where `filter` is true, NULL elsewhere.
pub(super) fn where_true(filter: Option<&Expr>, value: &Expr) -> Result<Expr> {
    match filter {
        None => Ok(value.clone()),
        Some(filter) => when(coalesce(vec![filter.clone(), lit(false)]), value.clone()).end(),
    }
}
