//! `FULL JOIN … USING (x)` and `RIGHT JOIN … USING (x)`: the column `x` that both sides merge into.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectNamePart, OrderBy, OrderByKind, Query, ReplaceSelectElement,
    ReplaceSelectItem, Select, SelectItem, SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut,
};

use super::flow;
use super::template::{expression, normal};
use crate::error::{Error, Result};

/// Says which side the merged column comes from, where the engine takes one side's, NULL or not.
///
/// ```text
/// SELECT x, y FROM a FULL JOIN b USING (x)     SELECT coalesce(a.x, b.x) AS x, y FROM a FULL JOIN b USING (x)
/// SELECT * FROM a RIGHT JOIN b USING (x)       SELECT * REPLACE (b.x AS x) FROM a RIGHT JOIN b USING (x)
/// ```
pub(super) struct MergedColumns;

impl VisitorMut for MergedColumns {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let order = query.order_by.as_mut();
        flow(merge_all(&mut query.body, order))
    }
}

fn merge_all(body: &mut SetExpr, order: Option<&mut OrderBy>) -> Result<()> {
    match body {
        SetExpr::Select(select) => merge(select, order),
        // The order of a set operation names its columns.
        SetExpr::SetOperation { left, right, .. } => {
            merge_all(left, None)?;
            merge_all(right, None)
        }
        _ => Ok(()),
    }
}

/// What the merged columns of a query stand for, by their names.
type Merged = BTreeMap<String, Expr>;

fn merge(select: &mut Select, order: Option<&mut OrderBy>) -> Result<()> {
    let mut merged = Merged::new();
    for tables in &select.from {
        merged.append(&mut merged_columns(tables)?);
    }
    if merged.is_empty() {
        return Ok(());
    }
    let sides = sides(&select.projection);
    select.projection.iter_mut().for_each(|item| name_item(item, &merged, &sides));
    let from = std::mem::take(&mut select.from);
    // The replacer never breaks off.
    let _ = select.visit(&mut Replacer { merged: &merged, depth: 0 });
    select.from = from;
    if let Some(OrderBy { kind: OrderByKind::Expressions(exprs), .. }) = order {
        for order in exprs {
            if !is_output(&order.expr, &select.projection) {
                let _ = order.expr.visit(&mut Replacer { merged: &merged, depth: 0 });
            }
        }
    }
    Ok(())
}

/// The columns of a chain of joins that are not simply its leftmost table's.
fn merged_columns(tables: &TableWithJoins) -> Result<Merged> {
    let Some(leftmost) = table_name(&tables.relation) else { return Ok(Merged::new()) };
    let mut sides: BTreeMap<String, Vec<Expr>> = BTreeMap::new();
    let mut merged = Merged::new();
    for (at, join) in tables.joins.iter().enumerate() {
        let Some((outer, columns)) = using(&join.join_operator) else { continue };
        let Some(right) = table_name(&join.relation) else { continue };
        for column in columns {
            let name = normal(&column);
            if merged.contains_key(&name) {
                return Err(Error::user(format!("column '{column}' is merged already by another outer join"))
                    .with_hint("say with ON which columns are to be equal"));
            }
            // A table in between may be the one that has the column.
            let of_left = || vec![Expr::CompoundIdentifier(vec![leftmost.clone(), column.clone()])];
            let Some(side) = sides.get(&name).cloned().or_else(|| (at == 0).then(of_left)) else { continue };
            let right = Expr::CompoundIdentifier(vec![right.clone(), column.clone()]);
            let side = match outer {
                Outer::Neither => side,
                Outer::Right => vec![right],
                Outer::Both => side.into_iter().chain([right]).collect(),
            };
            if outer != Outer::Neither {
                merged.insert(name.clone(), first_of(&side)?);
            }
            sides.insert(name, side);
        }
    }
    Ok(merged)
}

/// Which side's rows a join keeps without a partner, apart from the left's alone.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Outer {
    Neither,
    Right,
    Both,
}

fn using(join: &JoinOperator) -> Option<(Outer, Vec<Ident>)> {
    let (outer, constraint) = match join {
        JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (Outer::Neither, constraint),
        JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (Outer::Neither, constraint),
        JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (Outer::Right, constraint),
        JoinOperator::FullOuter(constraint) => (Outer::Both, constraint),
        _ => return None,
    };
    let JoinConstraint::Using(columns) = constraint else { return None };
    let column = |name: &ObjectNamePart| name.as_ident().cloned();
    let columns = columns.iter().map(|name| name.0.last().and_then(column));
    Some((outer, columns.collect::<Option<_>>()?))
}

/// The name that the columns of a table go by.
fn table_name(table: &TableFactor) -> Option<Ident> {
    match table {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

fn first_of(sides: &[Expr]) -> Result<Expr> {
    match sides {
        [side] => Ok(side.clone()),
        sides => {
            let holes = (1..=sides.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
            expression(&format!("coalesce({holes})"), sides)
        }
    }
}

/// The names of the columns that the select list takes of one table.
fn sides(items: &[SelectItem]) -> HashSet<String> {
    let side = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(normal),
        _ => None,
    };
    items.iter().filter_map(side).collect()
}

/// Keeps the name of a merged column in the select list, where no side stands beside it, which the engine would find
/// ambiguous; `*` has the merged one in the place of a side's.
fn name_item(item: &mut SelectItem, merged: &Merged, sides: &HashSet<String>) {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name))
            if merged.contains_key(&normal(name)) && !sides.contains(&normal(name)) =>
        {
            *item = SelectItem::ExprWithAlias { expr: Expr::Identifier(name.clone()), alias: name.clone() };
        }
        SelectItem::Wildcard(options) if options.opt_exclude.is_none() && options.opt_except.is_none() => {
            let replace = options.opt_replace.get_or_insert(ReplaceSelectItem { items: Vec::new() });
            for (name, expr) in merged {
                if !replace.items.iter().any(|item| normal(&item.column_name) == *name) {
                    let column_name = Ident::with_quote('"', name);
                    let element = ReplaceSelectElement { expr: expr.clone(), column_name, as_keyword: true };
                    replace.items.push(Box::new(element));
                }
            }
        }
        _ => {}
    }
}

/// Whether ORDER BY means a column of the result.
fn is_output(expr: &Expr, items: &[SelectItem]) -> bool {
    let Expr::Identifier(name) = expr else { return false };
    let has_name =
        |item: &SelectItem| matches!(item, SelectItem::ExprWithAlias { alias, .. } if normal(alias) == normal(name));
    items.iter().any(has_name)
}

/// Replaces the bare names of merged columns, outside of subqueries, whose own tables may have such a column.
struct Replacer<'a> {
    merged: &'a Merged,
    depth: usize,
}

impl VisitorMut for Replacer<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Identifier(name) = &*expr
            && let Some(merged) = self.merged.get(&normal(name))
        {
            *expr = merged.clone();
        }
        ControlFlow::Continue(())
    }
}
