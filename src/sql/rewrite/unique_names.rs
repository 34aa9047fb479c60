//! `SELECT 1, 1`: columns of one name, which the engine refuses.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, Statement, VisitorMut};

use super::template::normal;
use crate::error::Error;

/// Numbers the columns of a select list that repeat another: `x, x` are `x` and `x_1`. Names that are given twice to
/// the columns of a table or a view stay for the engine to refuse.
#[derive(Default)]
pub(super) struct UniqueNames {
    defines: bool,
}

impl VisitorMut for UniqueNames {
    type Break = Error;

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<Error> {
        self.defines = matches!(statement, Statement::CreateTable(_) | Statement::CreateView(_));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let mut names: HashSet<String> = select.projection.iter().filter_map(name).collect();
        let mut seen = HashSet::new();
        for item in &mut select.projection {
            let Some(name) = name(item) else { continue };
            let is_given = matches!(item, SelectItem::ExprWithAlias { .. });
            let repeats = !seen.insert(name);
            if repeats && !(is_given && self.defines) {
                number(item, &mut names);
            }
        }
        ControlFlow::Continue(())
    }
}

/// The name that an item has, as far as the syntax tells.
fn name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(normal(name)),
        SelectItem::UnnamedExpr(expr) => Some(expr.to_string()),
        SelectItem::ExprWithAlias { alias, .. } => Some(normal(alias)),
        _ => None,
    }
}

fn number(item: &mut SelectItem, names: &mut HashSet<String>) {
    let (expr, base) = match item {
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => {
            let Some(last) = parts.last() else { return };
            (Expr::CompoundIdentifier(parts.clone()), normal(last))
        }
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => (Expr::Identifier(name.clone()), normal(name)),
        SelectItem::UnnamedExpr(expr) => (expr.clone(), expr.to_string()),
        SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), normal(alias)),
        _ => return,
    };
    let alias = (1..).map(|number| format!("{base}_{number}")).find(|name| names.insert(name.clone()));
    if let Some(alias) = alias {
        *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', alias) };
    }
}
