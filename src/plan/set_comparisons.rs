//! The rule for `x > ALL (SELECT …)` and `x = ANY (SELECT …)`.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, plan_datafusion_err};
use datafusion::functions_aggregate::expr_fn::{count, max, min};
use datafusion::logical_expr::expr::{InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, Subquery, binary_expr, lit, not, when};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::expressions::rewrite_expressions;
use super::subquery::{aggregate, column_of};

/// Compares with the least and the greatest value of a subquery instead of with every one. The engine joins the rows
/// with those of the subquery, and mistakes the columns when both come from one table.
///
/// ```text
/// before: Filter: x > ALL (s)      after: Filter: CASE WHEN (SELECT count(1) FROM s) = 0 THEN true
///                                                      WHEN x > (SELECT max(y) FROM s) IS FALSE THEN false
///                                                      WHEN (SELECT count(y) FROM s) < (SELECT count(1) FROM s) THEN NULL
///                                                      ELSE x > (SELECT max(y) FROM s) END
/// ```
///
/// `= ANY` is IN, `<> ALL` is NOT IN; any other ANY says that not ALL compare the other way.
#[derive(Debug)]
pub(crate) struct SetComparisons;

impl AnalyzerRule for SetComparisons {
    fn name(&self) -> &str {
        "set_comparisons"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite_expressions(plan, |expr, _| match expr {
            Expr::SetComparison(comparison) => Ok(Transformed::yes(compare(comparison)?)),
            expr => Ok(Transformed::no(expr)),
        })
    }
}

fn compare(comparison: SetComparison) -> Result<Expr> {
    let SetComparison { expr, subquery, op, quantifier } = comparison;
    match (quantifier, op) {
        (SetQuantifier::Any, Operator::Eq) => Ok(Expr::InSubquery(InSubquery::new(expr, subquery, false))),
        (SetQuantifier::All, Operator::NotEq) => Ok(Expr::InSubquery(InSubquery::new(expr, subquery, true))),
        (SetQuantifier::All, op) => compare_all(*expr, op, &subquery),
        (SetQuantifier::Any, op) => Ok(not(compare_all(*expr, opposite(op)?, &subquery)?)),
    }
}

fn opposite(op: Operator) -> Result<Operator> {
    op.negate().ok_or_else(|| plan_datafusion_err!("ANY and ALL compare with =, <>, <, <=, > or >=, not with {op}"))
}

/// True for no rows; false where one row says so; NULL where a NULL leaves it open.
fn compare_all(expr: Expr, op: Operator, subquery: &Subquery) -> Result<Expr> {
    let rows = aggregate(subquery, count(lit(1)))?;
    let values = aggregate(subquery, count(column_of(subquery)))?;
    let holds = holds_for_extremes(expr, op, subquery)?;
    when(rows.clone().eq(lit(0)), lit(true))
        .when(holds.clone().is_false(), lit(false))
        .when(values.lt(rows), lit(ScalarValue::Boolean(None)))
        .otherwise(holds)
}

/// Whether the comparison holds for the value of the subquery that it is hardest for.
fn holds_for_extremes(expr: Expr, op: Operator, subquery: &Subquery) -> Result<Expr> {
    let least = || aggregate(subquery, min(column_of(subquery)));
    let greatest = || aggregate(subquery, max(column_of(subquery)));
    match op {
        Operator::Lt | Operator::LtEq => Ok(binary_expr(expr, op, least()?)),
        Operator::Gt | Operator::GtEq => Ok(binary_expr(expr, op, greatest()?)),
        Operator::Eq => Ok(expr.clone().eq(least()?).and(expr.eq(greatest()?))),
        op => Err(plan_datafusion_err!("ANY and ALL compare with =, <>, <, <=, > or >=, not with {op}")),
    }
}
