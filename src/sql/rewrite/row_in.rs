//! `(x, y) IN (SELECT …)`: several columns looked up at once.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, Select, SetExpr, TableFactor, VisitorMut};

use super::flow;
use super::template::expression;
use crate::error::{Error, Result};

/// Says with EXISTS that a row is IN a subquery, where a condition asks for it; NOT IN, which NULL would make unknown,
/// stays for the engine to refuse.
///
/// ```text
/// WHERE (x, y) IN (q)      WHERE EXISTS (SELECT 1 FROM (q) AS "row"("1", "2") WHERE "row"."1" = x AND "row"."2" = y)
/// ```
pub(super) struct RowIn;

impl VisitorMut for RowIn {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let conditions = [&mut select.selection, &mut select.having, &mut select.qualify];
        flow(conditions.into_iter().flatten().try_for_each(rewrite))
    }
}

/// Rewrites where unknown is as good as false: under AND and OR alone.
fn rewrite(expr: &mut Expr) -> Result<()> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            rewrite(left)?;
            rewrite(right)
        }
        Expr::Nested(inner) => rewrite(inner),
        Expr::InSubquery { expr: row, subquery, negated: false } => {
            if let Expr::Tuple(values) = &**row {
                *expr = exists(values, subquery)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn exists(values: &[Expr], rows: &Query) -> Result<Expr> {
    let columns = (1..=values.len()).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
    let equal = (1..=values.len()).map(|n| format!("\"row\".\"{n}\" = ${n}")).collect::<Vec<_>>().join(" AND ");
    let text = format!("EXISTS (SELECT 1 FROM (SELECT 1) AS \"row\"({columns}) WHERE {equal})");
    let mut exists = expression(&text, values)?;
    if let Expr::Exists { subquery, .. } = &mut exists
        && let SetExpr::Select(select) = &mut *subquery.body
        && let Some(TableFactor::Derived { subquery, .. }) = select.from.first_mut().map(|from| &mut from.relation)
    {
        **subquery = rows.clone();
    }
    Ok(exists)
}
