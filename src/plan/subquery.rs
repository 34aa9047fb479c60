//! Subqueries that rules make of subqueries.

use std::sync::Arc;

use datafusion::common::{Column, Result, Spans};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, Subquery};

/// The first column of a subquery.
pub(super) fn column_of(subquery: &Subquery) -> Expr {
    Expr::Column(Column::from(subquery.subquery.schema().qualified_field(0)))
}

/// One aggregate over all rows of a subquery, as a value.
pub(super) fn aggregate(subquery: &Subquery, aggregate: Expr) -> Result<Expr> {
    let plan = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    Ok(value(plan.aggregate(Vec::<Expr>::new(), [aggregate])?.build()?, subquery.outer_ref_columns.clone()))
}

/// The one row of a plan as a value.
pub(super) fn value(plan: LogicalPlan, outer_ref_columns: Vec<Expr>) -> Expr {
    Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: Spans::new() })
}

pub(super) fn is_correlated(subquery: &Subquery) -> bool {
    !subquery.outer_ref_columns.is_empty()
}

/// The aggregate that gives the rows of a plan, under the projections that name its columns.
pub(super) fn outer_aggregate(plan: &LogicalPlan) -> Option<&Aggregate> {
    match plan {
        LogicalPlan::Projection(projection) => outer_aggregate(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => outer_aggregate(&alias.input),
        LogicalPlan::Aggregate(aggregate) => Some(aggregate),
        _ => None,
    }
}
