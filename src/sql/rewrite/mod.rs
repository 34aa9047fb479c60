//! What people write, in words that the engine knows: rewrites of the syntax tree, one a file, in the order they run.

mod fetch_first;
mod field_access;
mod from_first;
mod function_names;
mod merged_columns;
mod nested_names;
mod order_by_all;
mod row_in;
mod template;
mod unique_names;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::VisitorMut;

use super::statement::Statement;
use crate::error::{Error, Result};

pub(super) use from_first::from_first;
pub(crate) use template::normal;

/// Rewrites a statement in place. What stays keeps its spans.
pub(super) fn rewrite(statement: &mut Statement) -> Result<()> {
    visit(statement, nested_names::NestedNames::default())?;
    visit(statement, merged_columns::MergedColumns)?;
    visit(statement, row_in::RowIn)?;
    visit(statement, function_names::FunctionNames)?;
    visit(statement, field_access::FieldAccess)?;
    visit(statement, fetch_first::FetchFirst)?;
    visit(statement, order_by_all::OrderByAll)?;
    visit(statement, unique_names::UniqueNames::default())
}

fn visit<V: VisitorMut<Break = Error>>(statement: &mut Statement, mut visitor: V) -> Result<()> {
    match statement.visit_mut(&mut visitor) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Goes on after a success, breaks off with an error.
fn flow(result: Result<()>) -> ControlFlow<Error> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}
