//! CREATE TABLE and CREATE TABLE AS.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::{DFSchema, DataFusionError, Result, SchemaError};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{CreateMemoryTable, LogicalPlanBuilder};

use super::define::Effect;
use crate::context::Context;
use crate::error::Error;
use crate::source::StoredTable;

/// Makes the table and, unless the definition alone is wanted, its rows.
///
/// The table appears when all its rows are there: a query that fails, or that is dropped half way, leaves the catalog as
/// it was, the table to be replaced included, and gives back what it stored.
pub(super) async fn create_table(definition: CreateMemoryTable, effect: Effect, context: &Context) -> Result<()> {
    let CreateMemoryTable { name, constraints, input, if_not_exists, or_replace, column_defaults, .. } = definition;
    let session = context.session();
    let exists = session.table_exist(name.clone())?;
    match (exists, if_not_exists, or_replace) {
        (_, true, true) => return Err(Error::user("IF NOT EXISTS and OR REPLACE exclude each other").into()),
        (true, true, _) => return Ok(()),
        (true, false, false) => return Err(already_there(name.table()).into()),
        _ => {}
    }
    ensure_unique_names(input.schema())?;
    let schema = Arc::clone(input.schema().inner());
    let defaults = column_defaults.into_iter().collect();
    let table = StoredTable::new(context.shared_memory(), name.table(), schema, constraints, defaults);
    let rows = match effect {
        Effect::Whole => Arc::unwrap_or_clone(input),
        Effect::Definition => LogicalPlanBuilder::new_from_arc(input).limit(0, Some(0))?.build()?,
    };
    let state = session.state();
    let plan = state.create_physical_plan(&rows).await?;
    table.fill(plan, Arc::new(TaskContext::from(&state)), context.threads()).await?;
    if exists {
        session.deregister_table(name.clone())?;
    }
    session.register_table(name, Arc::new(table))?;
    Ok(())
}

pub(super) fn already_there(name: &str) -> Error {
    Error::user(format!("table '{name}' already exists"))
        .with_hint("CREATE OR REPLACE TABLE makes it anew, CREATE TABLE IF NOT EXISTS leaves it as it is")
}

/// `SELECT a.id, b.id`: the engine tells the two apart by their tables, a table of its own cannot.
pub(super) fn ensure_unique_names(schema: &DFSchema) -> Result<()> {
    let mut seen = HashSet::with_capacity(schema.fields().len());
    match schema.fields().iter().find(|field| !seen.insert(field.name())) {
        Some(twice) => {
            let error = SchemaError::DuplicateUnqualifiedField { name: twice.name().clone() };
            Err(DataFusionError::SchemaError(Box::new(error), Box::new(None)))
        }
        None => Ok(()),
    }
}
