//! `{'k': 7}.k` and `f(x).k`: a field of a struct that is no column.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{AccessExpr, Expr, Subscript, Value, VisitorMut};

use super::template::normal;
use crate::error::Error;

/// Writes `.k` as `['k']`, the form of it that the engine takes behind any expression.
pub(super) struct FieldAccess;

impl VisitorMut for FieldAccess {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let Expr::CompoundFieldAccess { access_chain, .. } = expr {
            for access in access_chain {
                if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                    let index = Expr::value(Value::SingleQuotedString(normal(field)));
                    *access = AccessExpr::Subscript(Subscript::Index { index });
                }
            }
        }
        ControlFlow::Continue(())
    }
}
