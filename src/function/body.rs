//! Functions that are an expression of the engine: put into the plan in the place of their call.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, Subquery};
use datafusion::physical_plan::PhysicalExpr;

use super::call::Call;
use super::overload::{Compute, Overload, Overloads};
use crate::error::{Error, Result};

/// The body of a function: an expression over columns named as its parameters, below the function's name.
///
/// Where an argument is another with every look at it, such as `random()`, and the body looks more than once, the call
/// stays in the plan and the body is computed over columns of arguments.
#[derive(Debug)]
pub(crate) struct BodyFunction {
    pub(super) relation: TableReference,
    pub(super) expression: Expr,
    /// None of a body with subqueries, which only a plan can compute.
    pub(super) physical: Option<Arc<dyn PhysicalExpr>>,
    /// Of the parameters.
    pub(super) schema: Arc<Schema>,
}

impl BodyFunction {
    /// The body's value for every row.
    pub(crate) fn call(&self, call: &Call<'_>) -> Result<ArrayRef> {
        let Some(physical) = &self.physical else { return Err(self.volatile_argument()) };
        let options = RecordBatchOptions::new().with_row_count(Some(call.rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), call.columns.to_vec(), &options)?;
        Ok(physical.evaluate(&batch)?.into_array(call.rows)?)
    }

    fn volatile_argument(&self) -> Error {
        let name = &self.relation;
        Error::user(format!("an argument of {name} is another with every look, and its body looks more than once"))
            .with_hint("compute the argument in a subquery of FROM first")
    }

    /// How often the body looks at a parameter.
    fn looks(&self, name: &str) -> EngineResult<usize> {
        let mut looks = 0;
        visit(&self.expression, &mut |expr| {
            let (Expr::Column(column) | Expr::OuterReferenceColumn(_, column)) = expr else { return };
            looks += usize::from(column.name == name && column.relation.as_ref() == Some(&self.relation));
        })?;
        Ok(looks)
    }

    /// The body with `arguments` in the places of its parameters.
    fn with(&self, arguments: &[Expr], names: &[String], schema: &DFSchema) -> EngineResult<Expr> {
        let find = |column: &Column| {
            let ours = column.relation.as_ref() == Some(&self.relation);
            names.iter().position(|name| ours && *name == column.name).and_then(|at| arguments.get(at))
        };
        substitute(self.expression.clone(), &|expr, inside| match &expr {
            Expr::Column(column) if !inside => Ok(find(column).cloned().unwrap_or(expr)),
            Expr::OuterReferenceColumn(_, column) if inside => match find(column) {
                Some(argument) => from_inside(argument.clone(), schema),
                None => Ok(expr),
            },
            _ => Ok(expr),
        })
    }
}

/// Puts the bodies of SQL functions in the places of their calls.
pub(crate) fn inline(expr: Expr, schema: &DFSchema) -> EngineResult<Transformed<Expr>> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = &expr else { return Ok(Transformed::no(expr)) };
    let Some(overloads) = func.inner().downcast_ref::<Overloads>() else { return Ok(Transformed::no(expr)) };
    let types = args.iter().map(|arg| arg.get_type(schema)).collect::<EngineResult<Vec<_>>>()?;
    let (overload, wanted) = overloads.choose(&types)?;
    let Compute::Body(body) = &overload.compute else { return Ok(Transformed::no(expr)) };
    for (argument, parameter) in args.iter().zip(&overload.parameters) {
        if argument.is_volatile() && body.looks(&parameter.name)? != 1 {
            return if body.physical.is_some() {
                Ok(Transformed::no(expr))
            } else {
                Err(body.volatile_argument().into())
            };
        }
    }
    let cast = |((arg, from), to): ((&Expr, &DataType), &DataType)| cast_to(arg.clone(), from, to);
    let arguments: Vec<Expr> = args.iter().zip(&types).zip(&wanted).map(cast).collect();
    Ok(Transformed::yes(body.with(&arguments, &names(overload), schema)?))
}

fn names(overload: &Overload) -> Vec<String> {
    overload.parameters.iter().map(|parameter| parameter.name.clone()).collect()
}

pub(super) fn cast_to(expr: Expr, from: &DataType, to: &DataType) -> Expr {
    if from == to { expr } else { Expr::Cast(Cast::new(Box::new(expr), to.clone())) }
}

/// An argument as a subquery sees it: its columns are those of the query around.
fn from_inside(argument: Expr, schema: &DFSchema) -> EngineResult<Expr> {
    argument
        .transform_up(|expr| match expr {
            Expr::Column(column) => {
                let (_, field) = schema.qualified_field_from_column(&column)?;
                Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
            }
            expr => Ok(Transformed::no(expr)),
        })
        .data()
}

/// Replaces expressions, those inside subqueries too; `replace` is told whether it is inside one.
fn substitute(expr: Expr, replace: &dyn Fn(Expr, bool) -> EngineResult<Expr>) -> EngineResult<Expr> {
    let outside = |expr| {
        let expr = map_subqueries(expr, &|plan| substitute_plan(plan, replace))?;
        Ok(Transformed::yes(replace(expr, false)?))
    };
    expr.transform_up(outside).data()
}

fn substitute_plan(plan: LogicalPlan, replace: &dyn Fn(Expr, bool) -> EngineResult<Expr>) -> EngineResult<LogicalPlan> {
    let inside = |expr: Expr| expr.transform_up(|expr| Ok(Transformed::yes(replace(expr, true)?)));
    plan.transform_up_with_subqueries(|plan| plan.map_expressions(inside)?.map_data(LogicalPlan::recompute_schema))
        .data()
}

fn map_subqueries(expr: Expr, map: &dyn Fn(LogicalPlan) -> EngineResult<LogicalPlan>) -> EngineResult<Expr> {
    let subquery = |subquery: Subquery| -> EngineResult<Subquery> {
        let plan = map(Arc::unwrap_or_clone(subquery.subquery))?;
        Ok(Subquery { outer_ref_columns: plan.all_out_ref_exprs(), subquery: Arc::new(plan), spans: subquery.spans })
    };
    Ok(match expr {
        Expr::ScalarSubquery(inner) => Expr::ScalarSubquery(subquery(inner)?),
        Expr::Exists(mut exists) => {
            exists.subquery = subquery(exists.subquery)?;
            Expr::Exists(exists)
        }
        Expr::InSubquery(mut within) => {
            within.subquery = subquery(within.subquery)?;
            Expr::InSubquery(within)
        }
        expr => expr,
    })
}

/// Shows every expression, those inside subqueries too.
fn visit(expr: &Expr, look: &mut dyn FnMut(&Expr)) -> EngineResult<()> {
    expr.apply(|expr| {
        look(expr);
        if let Some(plan) = subquery(expr) {
            plan.apply_with_subqueries(|plan| {
                plan.apply_expressions(|expr| {
                    expr.apply(|expr| {
                        look(expr);
                        Ok(TreeNodeRecursion::Continue)
                    })
                })
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// The plan of an expression that is a subquery.
pub(super) fn subquery(expr: &Expr) -> Option<&LogicalPlan> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(&subquery.subquery),
        Expr::Exists(exists) => Some(&exists.subquery.subquery),
        Expr::InSubquery(within) => Some(&within.subquery.subquery),
        _ => None,
    }
}
