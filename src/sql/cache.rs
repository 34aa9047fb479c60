//! CACHE TABLE and UNCACHE TABLE.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::ObjectName;

use super::create_table::{already_there, ensure_unique_names};
use super::define::Effect;
use crate::context::Context;
use crate::error::Error;
use crate::frame::Frame;
use crate::source::CachedTable;

/// What CACHE TABLE caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cached {
    /// A table or view that is there; one that is cached is computed anew.
    Table,
    /// A query, which becomes a view of this name, cached.
    Query,
}

/// Computes the rows into the store of tables in memory, and puts them in the place of the table. As for CREATE TABLE AS,
/// nothing is seen of them before all are there.
pub(crate) async fn cache_table(
    name: ObjectName,
    what: Cached,
    rows: LogicalPlan,
    effect: Effect,
    context: &Context,
) -> Result<()> {
    let name = reference(name, context)?;
    let exists = context.session().table_exist(name.clone())?;
    let original: Arc<dyn TableProvider> = match what {
        Cached::Query if exists => {
            return Err(already_there(name.table())
                .with_hint(format!("CACHE TABLE {name} without a query caches the one that is there"))
                .into());
        }
        Cached::Query => Arc::new(ViewTable::new(rows.clone(), None)),
        Cached::Table => provider(&name, context).await?,
    };
    if effect == Effect::Definition {
        return put(name, original, context);
    }
    ensure_unique_names(rows.schema())?;
    let table = Frame::new(context.clone(), rows).stored(name.table()).await?;
    put(name, Arc::new(CachedTable::new(table, original)), context)
}

/// The plan of a cached table's own rows is that of the table behind it.
pub(crate) async fn forget_cached(name: &ObjectName, context: &Context) -> Result<()> {
    let name = reference(name.clone(), context)?;
    match context.session().table_exist(name.clone())? {
        true => put(name.clone(), provider(&name, context).await?, context),
        false => Ok(()),
    }
}

/// Gives the table its own rows again; the computed ones are dropped with the last query that reads them.
pub(crate) async fn uncache_table(name: ObjectName, if_exists: bool, context: &Context) -> Result<()> {
    let name = reference(name, context)?;
    if !context.session().table_exist(name.clone())? {
        return match if_exists {
            true => Ok(()),
            false => Err(Error::user(format!("table '{name}' not found")).into()),
        };
    }
    let table = context.session().table_provider(name.clone()).await?;
    match table.downcast_ref::<CachedTable>() {
        Some(cached) => put(name, Arc::clone(cached.original()), context),
        None if if_exists => Ok(()),
        None => Err(Error::user(format!("table '{name}' is not cached")).into()),
    }
}

fn reference(name: ObjectName, context: &Context) -> Result<TableReference> {
    let normalize = context.session().state().config_options().sql_parser.enable_ident_normalization;
    object_name_to_table_reference(name, normalize)
}

/// The table of that name, or the one whose rows it has.
async fn provider(name: &TableReference, context: &Context) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let table = context.session().table_provider(name.clone()).await?;
    Ok(match table.downcast_ref::<CachedTable>() {
        Some(cached) => Arc::clone(cached.original()),
        None => table,
    })
}

fn put(name: TableReference, table: Arc<dyn TableProvider>, context: &Context) -> Result<()> {
    context.session().deregister_table(name.clone())?;
    context.session().register_table(name, table)?;
    Ok(())
}
