//! `FETCH FIRST n ROWS ONLY`, the standard's LIMIT.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Fetch, LimitClause, Query, Value, VisitorMut};

use crate::error::Error;

/// Makes FETCH a LIMIT. PERCENT and WITH TIES stay for the engine to refuse.
pub(super) struct FetchFirst;

impl VisitorMut for FetchFirst {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        if let Some(Fetch { with_ties: false, percent: false, quantity }) = &query.fetch {
            let rows = quantity.clone().unwrap_or_else(|| Expr::value(Value::Number("1".into(), false)));
            let clause = LimitClause::LimitOffset { limit: None, offset: None, limit_by: Vec::new() };
            let clause = query.limit_clause.get_or_insert(clause);
            if let LimitClause::LimitOffset { limit: limit @ None, .. } = clause {
                *limit = Some(rows);
                query.fetch = None;
            }
        }
        ControlFlow::Continue(())
    }
}
