//! Statements that define things: tables, views, schemas, options. They take effect when they are planned.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{
    DdlStatement, LogicalPlan, LogicalPlanBuilder, Statement as EngineStatement, ident, lit,
};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{self, Ident, ObjectName};

use super::change::compile_changes;
use super::create_table::create_table;
use super::rewrite::rewrite;
use super::setting::{Settings, canonical, check_value};
use super::statement::Statement;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::function::fill_in;
use crate::sink::{copy_words, sql_type};

/// Makes a statement the engine's in every word: options by their full names, and nothing temporary.
///
/// All tables and views live in the catalog of the context and go with it, so that TEMPORARY, which the engine
/// refuses, says nothing new.
pub(crate) fn normalize(statement: &mut Statement, context: &Context) -> Result<()> {
    if let ControlFlow::Break(error) = statement.visit_mut(&mut fill_in(context.catalog_functions())) {
        return Err(error);
    }
    rewrite(statement)?;
    let Statement::Engine(parsed) = statement else { return Ok(()) };
    copy_words(parsed)?;
    match &mut **parsed {
        Parsed::CreateExternalTable(table) => table.temporary = false,
        Parsed::Statement(statement) => match &mut **statement {
            ast::Statement::CreateTable(table) => table.temporary = false,
            ast::Statement::CreateView(view) => view.temporary = false,
            ast::Statement::ShowVariable { variable } => *variable = option_shown(variable, context)?,
            _ => {}
        },
        _ => {}
    }
    Ok(())
}

/// `SHOW name [VERBOSE]` with the option's full name.
fn option_shown(words: &[Ident], context: &Context) -> Result<Vec<Ident>> {
    let verbose = words.last().filter(|word| word.value.eq_ignore_ascii_case("verbose"));
    let name = words[..words.len() - usize::from(verbose.is_some())]
        .iter()
        .map(|word| word.value.as_str())
        .collect::<Vec<_>>()
        .join(".");
    let state = context.session().state();
    let mut name = canonical(&name, state.config_options())?;
    // What is set through us alone is shown by the engine under its own name.
    if !state.config_options().entries().iter().any(|entry| entry.key == name) {
        name = name.replace("partita.", "datafusion.runtime.");
    }
    let mut words: Vec<Ident> = name.split('.').map(Ident::new).collect();
    words.extend(verbose.map(|_| Ident::new("verbose")));
    Ok(words)
}

/// How much of a definition is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// All of it.
    Whole,
    /// The names and types alone: CREATE TABLE AS makes an empty table.
    Definition,
}

/// Carries out a plan that defines something and gives the plan of its result; any other plan comes back as it is.
pub(crate) async fn define(
    plan: LogicalPlan,
    effect: Effect,
    context: &Context,
) -> Result<LogicalPlan, DataFusionError> {
    match plan {
        LogicalPlan::Statement(EngineStatement::SetVariable(mut set)) => {
            set.variable = canonical(&set.variable, context.session().state().config_options())?;
            check_value(&set.variable, &set.value)?;
            run(LogicalPlan::Statement(EngineStatement::SetVariable(set)), context).await
        }
        LogicalPlan::Statement(EngineStatement::ResetVariable(mut reset)) => {
            reset.variable = canonical(&reset.variable, context.session().state().config_options())?;
            if let Some(ours) = reset.variable.strip_prefix("partita.") {
                let state = context.session().state_ref();
                let mut state = state.write();
                let extensions = &mut state.config_mut().options_mut().extensions;
                if let Some(settings) = extensions.get_mut::<Settings>() {
                    settings.reset(ours)?;
                }
                return LogicalPlanBuilder::empty(false).build();
            }
            run(LogicalPlan::Statement(EngineStatement::ResetVariable(reset)), context).await
        }
        LogicalPlan::Statement(EngineStatement::TransactionStart(_) | EngineStatement::TransactionEnd(_)) => {
            Err(Error::user("there are no transactions: every statement stands alone")
                .with_hint("leave out BEGIN, COMMIT and ROLLBACK")
                .into())
        }
        LogicalPlan::Ddl(DdlStatement::CreateIndex(_)) => {
            Err(Error::user("there are no indexes").with_hint("sort or partition the files instead").into())
        }
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)) => {
            create_table(table, effect, context).await?;
            LogicalPlanBuilder::empty(false).build()
        }
        LogicalPlan::DescribeTable(table) => describe(&table.schema),
        plan @ (LogicalPlan::Ddl(_) | LogicalPlan::Statement(_)) => {
            compile_changes(run(plan, context).await?, &context.session().state())
        }
        plan => compile_changes(plan, &context.session().state()),
    }
}

/// One row a column: its name, its type in SQL's words, and whether it can be NULL.
fn describe(schema: &Schema) -> Result<LogicalPlan, DataFusionError> {
    let row = |field: &FieldRef| {
        let nullable = if field.is_nullable() { "YES" } else { "NO" };
        vec![lit(field.name().as_str()), lit(sql_type(field.data_type())), lit(nullable)]
    };
    let names = ["column_name", "data_type", "is_nullable"];
    let empty = vec![vec![lit(""), lit(""), lit("")]];
    let rows: Vec<_> = schema.fields().iter().map(row).collect();
    let keep = rows.len();
    let renamed = names.iter().zip(1..).map(|(name, number)| ident(format!("column{number}")).alias(*name));
    // VALUES needs a row; LIMIT takes it away again where there are no columns to describe.
    LogicalPlanBuilder::values(if rows.is_empty() { empty } else { rows })?
        .project(renamed)?
        .limit(0, Some(keep))?
        .build()
}

/// One row, as EXPLAIN gives it.
pub(crate) fn drawing(text: &str) -> Result<LogicalPlan, DataFusionError> {
    LogicalPlanBuilder::values(vec![vec![lit("physical_plan"), lit(text)]])?
        .project([ident("column1").alias("plan_type"), ident("column2").alias("plan")])?
        .build()
}

async fn run(plan: LogicalPlan, context: &Context) -> Result<LogicalPlan, DataFusionError> {
    Ok(context.session().execute_logical_plan(plan).await?.into_unoptimized_plan())
}

/// `USE schema`, `USE catalog`, `USE catalog.schema`: where names without a schema are looked up from now on.
pub(crate) fn use_schema(name: &ObjectName, context: &Context) -> Result<()> {
    let state = context.session().state();
    let catalogs = state.catalog_list();
    let words: Vec<String> = name.0.iter().map(|part| part.to_string().trim_matches('"').to_string()).collect();
    let current = state.config_options().catalog.default_catalog.clone();
    let (catalog, schema) = match words.as_slice() {
        [catalog, schema] => (catalog.clone(), schema.clone()),
        [word] if catalogs.catalog(&current).is_some_and(|catalog| catalog.schema(word).is_some()) => {
            (current, word.clone())
        }
        [word] if catalogs.catalog(word).is_some() => (word.clone(), "public".to_string()),
        [word] => (current, word.clone()),
        _ => return Err(Error::user(format!("'{name}' names no schema"))),
    };
    let schemas = catalogs.catalog(&catalog).map(|catalog| catalog.schema_names()).unwrap_or_default();
    if !schemas.contains(&schema) {
        let error = Error::user(format!("schema '{name}' not found"));
        let names = schemas.iter().map(String::as_str);
        return Err(error.did_you_mean(&schema, names, format!("CREATE SCHEMA {name} makes it")));
    }
    let state = context.session().state_ref();
    let mut state = state.write();
    let options = state.config_mut().options_mut();
    options.catalog.default_catalog = catalog;
    options.catalog.default_schema = schema;
    Ok(())
}
