//! The rule for subqueries that are values: one row, or none.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, exec_err};
use datafusion::functions_aggregate::expr_fn::{count, first_value};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Subquery, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;

use super::expressions::rewrite_expressions;
use super::subquery::{aggregate, column_of, is_correlated, outer_aggregate};
use crate::error::Error;

/// Takes the first row of a subquery that depends on the row outside, and fails where it has a second. The engine
/// wants an aggregate there, also where a key makes sure of a single row.
///
/// ```text
/// before: Projection: (s)      after: Projection: single_value((SELECT first_value(y) FROM s), (SELECT count(1) FROM s))
/// ```
///
/// A subquery that depends on nothing keeps its plan, but may be NULL, which the engine forgets of `(SELECT 1 WHERE …)`.
#[derive(Debug)]
pub(crate) struct SingleRows;

impl AnalyzerRule for SingleRows {
    fn name(&self) -> &str {
        "single_rows"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite_expressions(plan, |expr, _| match expr {
            Expr::ScalarSubquery(subquery) if needs_check(&subquery) => {
                let first = aggregate(&subquery, first_value(column_of(&subquery), vec![]))?;
                let rows = aggregate(&subquery, count(lit(1)))?;
                Ok(Transformed::yes(single_value(vec![first, rows])))
            }
            Expr::ScalarSubquery(subquery) if may_be_empty(&subquery) => {
                Ok(Transformed::yes(single_value(vec![Expr::ScalarSubquery(subquery)])))
            }
            expr => Ok(Transformed::no(expr)),
        })
    }
}

fn needs_check(subquery: &Subquery) -> bool {
    is_correlated(subquery) && outer_aggregate(filtered(&subquery.subquery)).is_none() && !is_single(subquery)
}

fn may_be_empty(subquery: &Subquery) -> bool {
    let has_row = outer_aggregate(&subquery.subquery).is_some_and(|aggregate| aggregate.group_expr.is_empty());
    !is_correlated(subquery) && !subquery.subquery.schema().field(0).is_nullable() && !has_row
}

/// What HAVING chooses from.
fn filtered(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Projection(projection) => filtered(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => filtered(&alias.input),
        LogicalPlan::Filter(filter) if matches!(*filter.input, LogicalPlan::Aggregate(_)) => &filter.input,
        plan => plan,
    }
}

fn is_single(subquery: &Subquery) -> bool {
    subquery.subquery.max_rows().is_some_and(|rows| rows <= 1)
}

fn single_value(args: Vec<Expr>) -> Expr {
    let function = ScalarUDF::new_from_impl(SingleValue { signature: Signature::variadic_any(Volatility::Immutable) });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), args))
}

/// Its first argument, which may be NULL; an error where the second, the number of rows, is above one.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleValue {
    signature: Signature,
}

impl ScalarUDFImpl for SingleValue {
    fn name(&self) -> &str {
        "single_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(arg_types[0].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(args.arg_fields[0].as_ref().clone().with_nullable(true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut values = args.args.into_iter();
        let Some(value) = values.next() else { return exec_err!("single_value takes a value") };
        if let Some(rows) = values.next() {
            let rows = rows.into_array(args.number_rows)?;
            let rows = rows.as_primitive::<Int64Type>();
            if rows.iter().flatten().any(|rows| rows > 1) {
                return Err(Error::user("a subquery that stands for one value has more than one row")
                    .with_hint("take one of them with an aggregate such as max(…)")
                    .into());
            }
        }
        Ok(value)
    }
}
