//! `FROM t` for `SELECT * FROM t`, as DuckDB has it: the engine reads it as a selection of no columns.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Query, Select, SelectFlavor, SelectItem, SetExpr, VisitorMut, WildcardAdditionalOptions,
};

/// Gives every selection that names no columns all of them.
pub(crate) struct FromFirst;

impl VisitorMut for FromFirst {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        select_all(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn select_all(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => select_all_of(select),
        SetExpr::SetOperation { left, right, .. } => {
            select_all(left);
            select_all(right);
        }
        _ => {}
    }
}

fn select_all_of(select: &mut Select) {
    if select.flavor == SelectFlavor::FromFirstNoSelect {
        select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        select.flavor = SelectFlavor::Standard;
    }
}
