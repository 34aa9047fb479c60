//! How a rule rewrites the expressions of a plan.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Rewrites every expression of `plan` and of its subqueries, from below; columns keep their names. `rewrite` is told
/// the node that the expression belongs to, and the columns that it may name.
pub(super) fn rewrite_expressions<F>(plan: LogicalPlan, rewrite: F) -> Result<LogicalPlan>
where
    F: Fn(Expr, &Node<'_>) -> Result<Transformed<Expr>>,
{
    plan.transform_up_with_subqueries(|plan| {
        let node = Node { schema: &schema_of(&plan)?, is_condition: is_condition(&plan) };
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let rewritten = expr.transform_up(|expr| rewrite(expr, &node))?;
            Ok(rewritten.update_data(|expr| name.restore(expr)))
        })
    })
    .data()
}

/// Where an expression stands.
pub(super) struct Node<'a> {
    /// The columns of the node's inputs.
    pub(super) schema: &'a DFSchema,
    /// Whether it decides which rows there are: of a WHERE, a HAVING or an ON.
    pub(super) is_condition: bool,
}

fn schema_of(plan: &LogicalPlan) -> Result<DFSchema> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())
        }
        _ => Ok(merge_schema(&plan.inputs())),
    }
}

fn is_condition(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_))
}
