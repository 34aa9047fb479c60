//! Tables that SQL names by path or by function: `FROM 'x.csv'`, `FROM read_csv('x.csv', delim => ';')`,
//! `FROM tpch('lineitem', 1)`.
//!
//! The engine plans relations without waiting, and files cannot be looked at without. So [`resolve`] goes through the
//! parsed statement first, makes a table of every such relation, and leaves them with the planner of this statement:
//!
//! ```text
//! statement ─ Finder ─► relations ─ Source::provider ─► tables ─ ResolvedTables ─► the planner asks for them
//! ```

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as EngineResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    DescribeAlias, Ident, ObjectName, Query, Spanned, Statement as SqlStatement, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::{Error, Result, Span};
use crate::source::builder::Source;
use crate::source::call::{call, path};
use crate::sql::Piece;

/// Makes the tables of a statement's paths and reading functions, and has `state` plan with them. `piece` is what the
/// statement was parsed from.
///
/// `state` should be this statement's own copy: the tables are those of one statement.
///
/// Errors: those of the files and options, at the place of the relation.
pub(crate) async fn resolve(statement: &mut Statement, piece: &Piece<'_>, state: &mut SessionState) -> Result<()> {
    select_from_paths(statement)?;
    let mut finder = Finder { state, piece, sources: HashMap::new(), ctes: Vec::new() };
    if let ControlFlow::Break(error) = finder.visit(statement) {
        return Err(error);
    }
    let sources = finder.sources;
    if sources.is_empty() {
        return Ok(());
    }
    let mut tables = HashMap::with_capacity(sources.len());
    for (relation, (source, span)) in sources {
        let provider = source.provider(state).await.map_err(|error| at(error, span))?;
        let name = source.stem().unwrap_or_else(|| "files".to_string());
        tables.insert(relation, (name, provider));
    }
    Ok(state.register_relation_planner(Arc::new(ResolvedTables { tables }))?)
}

/// `DESCRIBE 'x.csv'` and `COPY 'x.csv' TO …` name a table where the engine asks no planner of relations: they become
/// the same of a query.
fn select_from_paths(statement: &mut Statement) -> Result<()> {
    match statement {
        Statement::CopyTo(copy) => {
            if let CopyToSource::Relation(name) = &copy.source
                && path(name).is_some()
            {
                copy.source = CopyToSource::Query(select_from(name)?);
            }
        }
        Statement::Statement(statement) => {
            if let SqlStatement::ExplainTable { describe_alias, table_name, .. } = statement.as_ref()
                && *describe_alias != DescribeAlias::Explain
                && path(table_name).is_some()
            {
                let query = select_from(table_name)?;
                **statement = describe(*describe_alias, query);
            }
        }
        Statement::Explain(explain) => select_from_paths(&mut explain.statement)?,
        Statement::CreateExternalTable(_) | Statement::Reset(_) => {}
    }
    Ok(())
}

fn describe(describe_alias: DescribeAlias, query: Box<Query>) -> SqlStatement {
    SqlStatement::Explain {
        describe_alias,
        statement: Box::new(SqlStatement::Query(query)),
        analyze: false,
        verbose: false,
        query_plan: false,
        estimate: false,
        format: None,
        options: None,
    }
}

fn select_from(name: &ObjectName) -> Result<Box<Query>> {
    let text = format!("SELECT * FROM {name}");
    let query = Parser::new(&GenericDialect {}).try_with_sql(&text).and_then(|mut parser| parser.parse_query());
    query.map_err(|error| Error::internal(error.to_string()))
}

fn at(error: Error, span: Option<Span>) -> Error {
    match span {
        Some(span) => error.at(span),
        None => error,
    }
}

/// Finds the relations that are files or generators. Equal relations are one table.
struct Finder<'a> {
    state: &'a SessionState,
    piece: &'a Piece<'a>,
    sources: HashMap<String, (Source, Option<Span>)>,
    ctes: Vec<String>,
}

impl Finder<'_> {
    fn visit(&mut self, statement: &Statement) -> ControlFlow<Error> {
        match statement {
            Statement::Statement(statement) => Visit::visit(statement.as_ref(), self),
            Statement::Explain(explain) => self.visit(&explain.statement),
            Statement::CopyTo(copy) => match &copy.source {
                CopyToSource::Query(query) => Visit::visit(query.as_ref(), self),
                CopyToSource::Relation(_) => ControlFlow::Continue(()),
            },
            Statement::CreateExternalTable(_) | Statement::Reset(_) => ControlFlow::Continue(()),
        }
    }

    fn source(&self, relation: &TableFactor) -> Result<Option<Source>> {
        let TableFactor::Table { name, args, .. } = relation else { return Ok(None) };
        match args {
            Some(args) => call(name, &args.args),
            None if self.is_table(name) => Ok(None),
            None => Ok(path(name).map(Source::path)),
        }
    }

    /// Whether the catalog or the query itself has a table of this name.
    fn is_table(&self, name: &ObjectName) -> bool {
        let parts: Vec<&str> = name.0.iter().filter_map(|part| Some(part.as_ident()?.value.as_str())).collect();
        let reference = match parts.as_slice() {
            [table] if self.ctes.iter().any(|cte| cte == table) => return true,
            [table] => TableReference::bare(*table),
            [schema, table] => TableReference::partial(*schema, *table),
            _ => return false,
        };
        let schema = self.state.schema_for_ref(reference.clone());
        schema.is_ok_and(|schema| schema.table_exist(reference.table()))
    }
}

impl Visitor for Finder<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.ctes.extend(ctes.map(|cte| cte.alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, relation: &TableFactor) -> ControlFlow<Error> {
        let span = place(relation, self.piece);
        match self.source(relation) {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(source)) => {
                self.sources.insert(key(relation), (source, span));
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(at(error, span)),
        }
    }
}

/// What tells relations apart: their words without the alias.
fn key(relation: &TableFactor) -> String {
    match relation {
        TableFactor::Table { name, args: Some(args), .. } => {
            let args: Vec<String> = args.args.iter().map(ToString::to_string).collect();
            format!("{name}({})", args.join(", "))
        }
        TableFactor::Table { name, .. } => name.to_string(),
        other => other.to_string(),
    }
}

/// Where a relation stands in the script.
fn place(relation: &TableFactor, piece: &Piece<'_>) -> Option<Span> {
    let TableFactor::Table { name, .. } = relation else { return None };
    match name.0.first()?.as_ident()? {
        // The parser does not tell where a name in single quotes stands.
        Ident { value, quote_style: Some('\''), .. } => piece.find_quoted(value),
        _ => {
            let span = name.span();
            let width = span.end.column.saturating_sub(span.start.column) as usize;
            (span.start.line > 0).then(|| Span::new(span.start.line, span.start.column).with_width(width))
        }
    }
}

/// Has `state` plan the relation `self` as this plan.
pub(crate) fn name_self(plan: LogicalPlan, state: &mut SessionState) -> Result<()> {
    Ok(state.register_relation_planner(Arc::new(SelfRelation { plan }))?)
}

#[derive(Debug)]
struct SelfRelation {
    plan: LogicalPlan,
}

impl RelationPlanner for SelfRelation {
    fn plan_relation(
        &self,
        relation: TableFactor,
        _context: &mut dyn RelationPlannerContext,
    ) -> EngineResult<RelationPlanning> {
        match &relation {
            TableFactor::Table { name, alias, args: None, .. } if name.to_string().eq_ignore_ascii_case("self") => {
                let plan = LogicalPlanBuilder::from(self.plan.clone()).alias("self")?.build()?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
            }
            _ => Ok(RelationPlanning::Original(Box::new(relation))),
        }
    }
}

/// Plans the relations of one statement that have been found to be files or generators.
#[derive(Debug)]
struct ResolvedTables {
    tables: HashMap<String, (String, Arc<dyn TableProvider>)>,
}

impl RelationPlanner for ResolvedTables {
    fn plan_relation(
        &self,
        relation: TableFactor,
        _context: &mut dyn RelationPlannerContext,
    ) -> EngineResult<RelationPlanning> {
        let found = self.tables.get(&key(&relation));
        let (Some((name, provider)), TableFactor::Table { alias, .. }) = (found, &relation) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        // The engine takes scans of one name for the same rows, so the name is the whole path or call; the short one
        // is an alias.
        let source = provider_as_source(Arc::clone(provider));
        let scan = LogicalPlanBuilder::scan(TableReference::bare(key(&relation)), source, None)?;
        let scan = if alias.is_none() { scan.alias(TableReference::bare(name.as_str()))? } else { scan };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(scan.build()?, alias.clone()))))
    }
}
