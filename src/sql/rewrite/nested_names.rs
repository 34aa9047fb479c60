//! A common table expression that hides an outer one of its name.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Query, TableAlias, TableFactor, VisitMut, VisitorMut, With,
};

use super::template::normal;
use crate::error::Error;

/// Gives the inner one another name, which the engine wants, and its uses the old one as their alias.
///
/// ```text
/// WITH t AS (…) SELECT * FROM (WITH t AS (q) SELECT t.x FROM t)
/// WITH t AS (…) SELECT * FROM (WITH "t 1" AS (q) SELECT t.x FROM "t 1" AS t)
/// ```
#[derive(Default)]
pub(super) struct NestedNames {
    /// The names of the queries that the walk is inside of, the outermost first.
    outer: Vec<Vec<String>>,
    renamed: usize,
}

impl VisitorMut for NestedNames {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let names = |with: &With| with.cte_tables.iter().map(|cte| normal(&cte.alias.name)).collect();
        self.outer.push(query.with.as_ref().map(names).unwrap_or_default());
        ControlFlow::Continue(())
    }

    /// From within: what still has its name below here means this query's or an outer one's.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let names = self.outer.pop().unwrap_or_default();
        for (at, name) in names.iter().enumerate() {
            // Two of one name in one WITH are an error that the engine tells.
            let hides = self.outer.iter().flatten().any(|outer| outer == name);
            if hides && names.iter().filter(|other| *other == name).count() == 1 {
                self.renamed += 1;
                rename(query, at, name, &format!("{name} {}", self.renamed));
            }
        }
        ControlFlow::Continue(())
    }
}

/// Renames the common table expression at `at` and its uses: behind it, and inside it where it is recursive.
fn rename(query: &mut Query, at: usize, from: &str, to: &str) {
    let with = query.with.take();
    let mut uses = Uses { from, to };
    // The visitor never breaks off.
    let _ = query.visit(&mut uses);
    query.with = with;
    let Some(with) = &mut query.with else { return };
    for (position, cte) in with.cte_tables.iter_mut().enumerate() {
        if position == at {
            cte.alias.name = Ident { value: to.to_string(), quote_style: Some('"'), span: cte.alias.name.span };
        }
        if position > at || (position == at && with.recursive) {
            let _ = cte.query.visit(&mut uses);
        }
    }
}

struct Uses<'a> {
    from: &'a str,
    to: &'a str,
}

impl VisitorMut for Uses<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name: ObjectName(parts), alias, args: None, .. } = table
            && let [ObjectNamePart::Identifier(name)] = parts.as_mut_slice()
            && normal(name) == self.from
        {
            let old = name.clone();
            *name = Ident { value: self.to.to_string(), quote_style: Some('"'), span: name.span };
            alias.get_or_insert(TableAlias { explicit: true, name: old, columns: Vec::new(), at: None });
        }
        ControlFlow::Continue(())
    }
}
