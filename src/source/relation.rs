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
use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as EngineResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, Spanned, TableFactor, UnaryOperator,
    Value, Visit, Visitor,
};

use crate::error::{Error, Result, Span};
use crate::source::builder::Source;
use crate::source::format::Format;
use crate::source::options::OptionValue;
use crate::sql::Piece;

/// Makes the tables of a statement's paths and reading functions, and has `state` plan with them. `piece` is what the
/// statement was parsed from.
///
/// `state` should be this statement's own copy: the tables are those of one statement.
///
/// Errors: those of the files and options, at the place of the relation.
pub(crate) async fn resolve(statement: &Statement, piece: &Piece<'_>, state: &mut SessionState) -> Result<()> {
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

/// The path that a name is: anything in single quotes, and names of files that are there.
fn path(name: &ObjectName) -> Option<String> {
    let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    if let [Ident { value, quote_style: Some('\''), .. }] = idents.as_slice() {
        return Some(value.clone());
    }
    let joined = idents.iter().map(|ident| ident.value.as_str()).collect::<Vec<_>>().join(".");
    let known = Format::of(Path::new(&joined)).is_some();
    (known && (Path::new(&joined).exists() || joined.contains('*'))).then_some(joined)
}

/// The source that a call of `read_…` or `tpch` describes; `None` for other functions.
fn call(name: &ObjectName, args: &[FunctionArg]) -> Result<Option<Source>> {
    let function = name.to_string().to_ascii_lowercase();
    let format = match function.as_str() {
        "tpch" => return tpch(args).map(Some),
        "parquet_scan" => Some(Format::Parquet),
        "read_csv_auto" => Some(Format::Csv),
        "read_json_auto" => Some(Format::Json),
        other => other.strip_prefix("read_").and_then(Format::by_name),
    };
    let Some(format) = format else { return Ok(None) };
    let mut paths = Vec::new();
    let mut named = Vec::new();
    for arg in args {
        match named_arg(arg) {
            Some((option, value)) => named.push((option, literal(value)?)),
            None => paths.extend(path_arg(&function, arg)?),
        }
    }
    if paths.is_empty() {
        return Err(Error::user(format!("{function} takes a path: {function}('…')")));
    }
    let mut source = Source::files(Some(format), paths);
    for (option, value) in named {
        source = source.option(&option, value)?;
    }
    Ok(Some(source))
}

fn tpch(args: &[FunctionArg]) -> Result<Source> {
    let wrong = || Error::user("tpch takes a table and a scale: tpch('lineitem', 1)");
    let values = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => literal(value),
        FunctionArg::Named { arg: FunctionArgExpr::Expr(value), .. } => literal(value),
        _ => Err(wrong()),
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    let (table, scale) = match values.as_slice() {
        [OptionValue::Text(table)] => (table, "1"),
        [OptionValue::Text(table), OptionValue::Text(scale)] => (table, scale.as_str()),
        _ => return Err(wrong()),
    };
    Ok(Source::tpch(table, scale.parse().map_err(|_| wrong())?))
}

/// `name => value`, `name := value`, and DuckDB's `name = value`.
fn named_arg(arg: &FunctionArg) -> Option<(String, &Expr)> {
    match arg {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => Some((name.value.clone(), value)),
        FunctionArg::ExprNamed { name, arg: FunctionArgExpr::Expr(value), .. } => Some((name.to_string(), value)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp { left, op: BinaryOperator::Eq, right })) => {
            match left.as_ref() {
                Expr::Identifier(name) => Some((name.value.clone(), right)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn path_arg(function: &str, arg: &FunctionArg) -> Result<Vec<String>> {
    let value = match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => literal(value)?,
        _ => return Err(Error::user(format!("{function} takes paths and options, not {arg}"))),
    };
    match value {
        OptionValue::Text(path) => Ok(vec![path]),
        OptionValue::List(paths) => Ok(paths),
        OptionValue::Pairs(_) => Err(Error::user(format!("{function} takes a path or a list of paths"))),
    }
}

/// The value that stands in the SQL text.
fn literal(value: &Expr) -> Result<OptionValue> {
    match value {
        Expr::Array(array) => Ok(OptionValue::List(array.elem.iter().map(word).collect::<Result<_>>()?)),
        Expr::Dictionary(fields) => {
            let pairs = fields.iter().map(|field| Ok((field.key.value.clone(), word(&field.value)?)));
            Ok(OptionValue::Pairs(pairs.collect::<Result<_>>()?))
        }
        other => Ok(OptionValue::Text(word(other)?)),
    }
}

fn word(value: &Expr) -> Result<String> {
    let written = match value {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(number.clone()),
            Value::Boolean(boolean) => Some(boolean.to_string()),
            value => value.clone().into_string(),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => Some(format!("-{}", word(expr)?)),
        Expr::Identifier(name) => Some(name.value.clone()),
        _ => None,
    };
    written.ok_or_else(|| Error::user(format!("'{value}' is no plain value: paths and options cannot be computed")))
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
        let source = provider_as_source(Arc::clone(provider));
        let plan = LogicalPlanBuilder::scan(TableReference::bare(name.as_str()), source, None)?.build()?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
    }
}
