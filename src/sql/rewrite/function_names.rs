//! Functions that people know by names or in forms which the engine does not have.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Select, SelectItem, Value, VisitorMut,
};

use super::flow;
use super::template::expression;
use crate::error::{Error, Result};

/// What each of them says in the engine's words; `$3` of an aggregate is its FILTER.
const FORMS: [(&str, usize, &str); 6] = [
    ("mod", 2, "($1 % $2)"),
    ("sign", 1, "CAST(nanvl(signum($1), 0) AS TINYINT)"),
    ("max_by", 2, FIRST_OF_GREATEST),
    ("arg_max", 2, FIRST_OF_GREATEST),
    ("min_by", 2, FIRST_OF_LEAST),
    ("arg_min", 2, FIRST_OF_LEAST),
];

const FIRST_OF_GREATEST: &str =
    "first_value($1 ORDER BY $2 DESC) FILTER (WHERE $1 IS NOT NULL AND $2 IS NOT NULL AND $3)";
const FIRST_OF_LEAST: &str = "first_value($1 ORDER BY $2) FILTER (WHERE $1 IS NOT NULL AND $2 IS NOT NULL AND $3)";

/// Says such calls in the engine's words.
pub(super) struct FunctionNames;

impl VisitorMut for FunctionNames {
    type Break = Error;

    /// A column keeps the name that was written.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Expr::Function(call) = &*expr
                && form(call).is_some()
            {
                let alias = Ident::with_quote('"', expr.to_string());
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        flow(rewrite(expr))
    }
}

fn rewrite(expr: &mut Expr) -> Result<()> {
    if let Expr::Function(call) = &*expr
        && let Some((form, mut args)) = form(call)
    {
        let filter = call.filter.as_deref().cloned();
        args.push(filter.unwrap_or_else(|| Expr::value(Value::Boolean(true))));
        *expr = expression(form, &args)?;
    }
    Ok(())
}

/// The form of a call and its arguments; none of a window's, which has an order of its own.
fn form(call: &Function) -> Option<(&'static str, Vec<Expr>)> {
    let name = call.name.to_string();
    let args = arguments(call)?;
    let (_, _, form) =
        FORMS.iter().find(|(known, count, _)| name.eq_ignore_ascii_case(known) && args.len() == *count)?;
    (call.over.is_none() && (call.filter.is_none() || form.contains("$3"))).then_some((form, args))
}

/// The arguments of a plain call: without names, DISTINCT or ORDER BY.
fn arguments(call: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let plain = list.duplicate_treatment.is_none() && list.clauses.is_empty() && call.within_group.is_empty();
    let expr = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    if plain { list.args.iter().map(expr).collect() } else { None }
}
