//! `CREATE EXTERNAL TABLE`.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::error::Result as EngineResult;
use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::CreateExternalTable;

use crate::error::{Error, Result};
use crate::source::builder::Source;
use crate::source::format::Format;
use crate::source::options::Declared;

/// Makes `CREATE EXTERNAL TABLE` build its tables from [`Source`]s. To be called after the engine's defaults are set.
pub(crate) fn install(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    for name in Format::ALL.into_iter().flat_map(Format::names) {
        builder = builder.with_table_factory(name.to_ascii_uppercase(), Arc::new(ExternalTables));
    }
    builder
}

#[derive(Debug)]
struct ExternalTables;

#[async_trait]
impl TableProviderFactory for ExternalTables {
    async fn create(
        &self,
        state: &dyn Session,
        statement: &CreateExternalTable,
    ) -> EngineResult<Arc<dyn TableProvider>> {
        let Some(state) = state.as_any().downcast_ref::<SessionState>() else {
            return Err(Error::internal("CREATE EXTERNAL TABLE runs without a session").into());
        };
        Ok(source(statement)?.provider(state).await?)
    }
}

/// The statement's words as a source.
fn source(statement: &CreateExternalTable) -> Result<Source> {
    if statement.unbounded {
        return Err(Error::user("unbounded tables are not supported"));
    }
    let mut source = Source::files(Format::by_name(&statement.file_type), statement.locations.clone());
    for (name, value) in &statement.options {
        source = source.option(name, value.as_str())?;
    }
    let options = source.options_mut();
    options.declared = Declared {
        definition: statement.definition.clone(),
        order: statement.order_exprs.clone(),
        constraints: statement.constraints.clone(),
        defaults: statement.column_defaults.clone(),
    };
    declare_columns(&mut source, statement)?;
    Ok(source)
}

/// Columns of the statement that are no partition columns are those of the files.
fn declare_columns(source: &mut Source, statement: &CreateExternalTable) -> Result<()> {
    let partitions = &statement.table_partition_cols;
    let fields = statement.schema.fields();
    let options = source.options_mut();
    if !fields.is_empty() {
        let of_files = fields.iter().filter(|field| !partitions.contains(field.name()));
        options.schema = Some(Arc::new(Schema::new(of_files.cloned().collect::<Vec<_>>())));
    }
    for name in partitions {
        let field = fields.iter().find(|field| field.name() == name);
        if field.is_none() && !fields.is_empty() {
            return Err(Error::user(format!("the partition column '{name}' is not among the columns")));
        }
        options.partition_types.extend(field.map(|field| (name.clone(), field.data_type().clone())));
        options.partitioned_by.push((name.clone(), None));
    }
    Ok(())
}
