//! `ORDER BY ALL`: by every column, from left to right.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, SelectItem, SetExpr, Value, VisitorMut,
};

use crate::error::Error;

/// Names every column of the result by its position. A `*` has as many columns as its tables, which the syntax does
/// not tell.
pub(super) struct OrderByAll;

impl VisitorMut for OrderByAll {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        if let Some(order) = &mut query.order_by
            && let Some(options) = all(order)
        {
            let Some(columns) = columns(&query.body) else {
                return ControlFlow::Break(
                    Error::user("ORDER BY ALL wants its columns named").with_hint("name them in place of *"),
                );
            };
            let by_position = |position: usize| OrderByExpr {
                expr: Expr::value(Value::Number(position.to_string(), false)),
                options,
                with_fill: None,
            };
            order.kind = OrderByKind::Expressions((1..=columns).map(by_position).collect());
        }
        ControlFlow::Continue(())
    }
}

/// The direction of an `ORDER BY ALL`, which the parser may take for a column of this name.
fn all(order: &OrderBy) -> Option<OrderByOptions> {
    match &order.kind {
        OrderByKind::All(options) => Some(*options),
        OrderByKind::Expressions(exprs) => match exprs.as_slice() {
            [OrderByExpr { expr: Expr::Identifier(name), options, .. }]
                if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all") =>
            {
                Some(*options)
            }
            _ => None,
        },
    }
}

fn columns(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let is_one =
                |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
            select.projection.iter().all(is_one).then_some(select.projection.len())
        }
        SetExpr::Query(query) => columns(&query.body),
        SetExpr::SetOperation { left, .. } => columns(left),
        SetExpr::Values(values) => values.rows.first().map(|row| row.len()),
        _ => None,
    }
}
