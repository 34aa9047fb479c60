//! Expressions made from text with holes.

use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Value, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::Result;

/// The expression that `text` says, with `args` in the places of `$1`, `$2` ….
pub(super) fn expression(text: &str, args: &[Expr]) -> Result<Expr> {
    let mut expr = Parser::new(&GenericDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_expr())
        .map_err(DataFusionError::from)?;
    // The filler never breaks off.
    let _ = expr.visit(&mut Filler { args });
    Ok(expr)
}

struct Filler<'a> {
    args: &'a [Expr],
}

impl VisitorMut for Filler<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(hole) = &value.value
            && let Some(arg) = hole.trim_start_matches('$').parse().ok().and_then(|n: usize| self.args.get(n - 1))
        {
            *expr = Expr::Nested(Box::new(arg.clone()));
        }
        ControlFlow::Continue(())
    }
}

/// A name as the engine compares it: as it is in quotes, in small letters without.
pub(crate) fn normal(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}
