//! The rule for EXISTS and IN where they are values.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Subquery, lit, not, when};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::expressions::{Node, rewrite_expressions};
use super::subquery::{aggregate, column_of, is_correlated, value};

/// Counts the rows of a subquery where the engine, which makes joins of EXISTS and IN in conditions, has no plan for
/// them: in the select list, in GROUP BY, in an aggregate.
///
/// ```text
/// before: Projection: EXISTS (s)                 after: Projection: (SELECT count(1) FROM s) > 0
/// before: Projection: x IN (s)                   after: Projection: CASE WHEN (SELECT count(1) FROM s) = 0 THEN false
///                                                         WHEN x IS NULL THEN NULL
///                                                         WHEN (SELECT count(1) FROM s WHERE y = x) > 0 THEN true
///                                                         WHEN (SELECT count(y) FROM s) < (SELECT count(1) FROM s) THEN NULL
///                                                         ELSE false END
/// ```
#[derive(Debug)]
pub(crate) struct SubqueryValues;

impl AnalyzerRule for SubqueryValues {
    fn name(&self) -> &str {
        "subquery_values"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite_expressions(plan, |expr, node| match expr {
            Expr::Exists(exists) if !node.is_condition && can_count(&exists.subquery)? => {
                Ok(Transformed::yes(counted(exists)?))
            }
            Expr::InSubquery(member) if !node.is_condition && can_count(&member.subquery)? => {
                Ok(Transformed::yes(looked_up(member, node)?))
            }
            expr => Ok(Transformed::no(expr)),
        })
    }
}

/// An aggregate without groups has a row for no rows. The engine loses that row where it turns a correlated subquery
/// into a join, so that the count of such rows is not to be had.
fn can_count(subquery: &Subquery) -> Result<bool> {
    let mut can = true;
    if is_correlated(subquery) {
        subquery.subquery.apply(|plan| {
            can &= !matches!(plan, LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty());
            Ok(if can { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        })?;
    }
    Ok(can)
}

fn counted(exists: Exists) -> Result<Expr> {
    let Exists { mut subquery, negated } = exists;
    if !is_correlated(&subquery) {
        let first = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone()).limit(0, Some(1))?.build()?;
        subquery.subquery = first.into();
    }
    let rows = aggregate(&subquery, count(lit(1)))?;
    Ok(if negated { rows.eq(lit(0)) } else { rows.gt(lit(0)) })
}

fn looked_up(member: InSubquery, node: &Node<'_>) -> Result<Expr> {
    let InSubquery { expr, subquery, negated } = member;
    let rows = aggregate(&subquery, count(lit(1)))?;
    let values = aggregate(&subquery, count(column_of(&subquery)))?;
    let unknown = || lit(ScalarValue::Boolean(None));
    let found = when(rows.clone().eq(lit(0)), lit(false))
        .when(expr.clone().is_null(), unknown())
        .when(equal_rows(*expr, &subquery, node.schema)?.gt(lit(0)), lit(true))
        .when(values.lt(rows), unknown())
        .otherwise(lit(false))?;
    Ok(if negated { not(found) } else { found })
}

/// How many rows of the subquery are equal to `expr` of the row outside.
fn equal_rows(expr: Expr, subquery: &Subquery, schema: &DFSchema) -> Result<Expr> {
    let mut outer = subquery.outer_ref_columns.clone();
    let expr = expr
        .transform(|expr| match expr {
            Expr::Column(column) => {
                let reference = Expr::OuterReferenceColumn(Expr::Column(column.clone()).to_field(schema)?.1, column);
                outer.push(reference.clone());
                Ok(Transformed::yes(reference))
            }
            expr => Ok(Transformed::no(expr)),
        })
        .data()?;
    let plan = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone())
        .filter(column_of(subquery).eq(expr))?
        .aggregate(Vec::<Expr>::new(), [count(lit(1))])?
        .build()?;
    Ok(value(plan, outer))
}
