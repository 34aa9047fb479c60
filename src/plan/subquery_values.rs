//! The rule for EXISTS and IN where they are values.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit, not, when,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::expressions::{map_expressions, schema_of};
use super::subquery::{aggregate, column_of, is_correlated, value};

/// Counts the rows of a subquery where the engine, which makes joins of EXISTS and IN in conditions, has no plan for
/// them, the select list, and where it takes an unknown IN for false: `WHERE NOT (y AND x IN (s))`, `WHERE y OR x NOT
/// IN (s)`.
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
        plan.transform_up_with_subqueries(|plan| {
            let schema = schema_of(&plan)?;
            match plan {
                LogicalPlan::Filter(_) => map_expressions(plan, |expr| in_condition(expr, &schema, Sense::Both)),
                LogicalPlan::Projection(_) => map_expressions(plan, |expr| as_value(expr, &schema)),
                plan => Ok(Transformed::no(plan)),
            }
        })
        .data()
    }
}

/// Which of IN and NOT IN the engine answers well at some place of a condition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Both,
    /// Where unknown is as good as false. The engine takes IN for false where it is unknown, so NOT IN for true.
    Plain,
}

fn in_condition(expr: Expr, schema: &DFSchema, sense: Sense) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { op: op @ (Operator::And | Operator::Or), left, right }) => {
            let sense = if op == Operator::And { sense } else { Sense::Plain };
            let left = in_condition(*left, schema, sense)?;
            let right = in_condition(*right, schema, sense)?;
            let changed = left.transformed || right.transformed;
            let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.data), op, Box::new(right.data)));
            Ok(Transformed::new_transformed(expr, changed))
        }
        Expr::Exists(_) => Ok(Transformed::no(expr)),
        Expr::Not(ref inner) if matches!(**inner, Expr::Exists(_)) => Ok(Transformed::no(expr)),
        Expr::InSubquery(ref member) if sense == Sense::Both || !member.negated => Ok(Transformed::no(expr)),
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(mut member) => {
                member.negated = !member.negated;
                in_condition(Expr::InSubquery(member), schema, sense)
            }
            inner => as_value(Expr::Not(Box::new(inner)), schema),
        },
        expr => as_value(expr, schema),
    }
}

fn as_value(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| match expr {
        Expr::Exists(exists) if can_count(&exists.subquery)? => Ok(Transformed::yes(counted(exists)?)),
        Expr::InSubquery(member) if can_count(&member.subquery)? => Ok(Transformed::yes(looked_up(member, schema)?)),
        expr => Ok(Transformed::no(expr)),
    })
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

fn looked_up(member: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let InSubquery { expr, subquery, negated } = member;
    let rows = aggregate(&subquery, count(lit(1)))?;
    let values = aggregate(&subquery, count(column_of(&subquery)))?;
    let unknown = || lit(ScalarValue::Boolean(None));
    let found = when(rows.clone().eq(lit(0)), lit(false))
        .when(expr.clone().is_null(), unknown())
        .when(equal_rows(*expr, &subquery, schema)?.gt(lit(0)), lit(true))
        .when(values.lt(rows), unknown())
        .otherwise(lit(false))?;
    Ok(if negated { not(found) } else { found })
}

/// The name of the rows that a value is looked up in.
const ROWS: &str = "rows in";

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
    // Under a name of its own: the row outside may be of the same table.
    let plan = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone()).alias(ROWS)?;
    let column = Expr::Column(Column::from(plan.schema().qualified_field(0)));
    let plan = plan.filter(column.eq(expr))?.aggregate(Vec::<Expr>::new(), [count(lit(1))])?.build()?;
    Ok(value(plan, outer))
}
