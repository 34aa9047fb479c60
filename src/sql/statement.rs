//! One statement: the engine's, or one of our own that the engine's parser does not know.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, DFParserBuilder, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{
    self, ShowStatementFilter, ShowStatementFilterPosition, ShowStatementOptions, VisitMut,
};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion::sql::sqlparser::tokenizer::{Location, TokenWithSpan, Tokenizer};

use super::cache::Cached;
use super::diagnose::diagnose;
use super::function::{FunctionStatement, described_function};
use super::rewrite::from_first;
use super::split::Piece;
use crate::error::{Error, Result};
use crate::report::DrawingFormat;
use crate::sink::copy_text;

/// What one piece of a script says.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    /// A statement that the engine plans.
    Engine(Box<EngineStatement>),
    /// `SUMMARIZE t` and `SUMMARIZE SELECT …`: the query whose columns are summarized.
    Summarize(Box<EngineStatement>),
    /// `EXPLAIN (FORMAT svg) …`: the picture of the plan that the EXPLAIN tells of.
    Draw(DrawingFormat, Box<EngineStatement>),
    /// `USE schema` and `USE catalog.schema`.
    Use(ast::ObjectName),
    /// A statement on row functions.
    Function(FunctionStatement),
    /// `CACHE TABLE t` and `CACHE TABLE t AS SELECT …`: the name, and the query of the rows.
    Cache(ast::ObjectName, Cached, Box<EngineStatement>),
    /// `UNCACHE TABLE [IF EXISTS] t`.
    Uncache { name: ast::ObjectName, if_exists: bool },
}

impl Statement {
    /// Whether it gives rows to a person: a query, SHOW, DESCRIBE, EXPLAIN or SUMMARIZE.
    pub(crate) fn is_query(&self) -> bool {
        use ast::Statement as Ast;
        match self {
            Self::Summarize(_) | Self::Draw(..) => true,
            Self::Use(_) | Self::Cache(..) | Self::Uncache { .. } => false,
            Self::Function(statement) => {
                matches!(statement, FunctionStatement::Show(_) | FunctionStatement::Describe(_))
            }
            Self::Engine(statement) => match &**statement {
                EngineStatement::Explain(_) => true,
                EngineStatement::Statement(statement) => matches!(
                    **statement,
                    Ast::Query(_)
                        | Ast::ShowTables { .. }
                        | Ast::ShowColumns { .. }
                        | Ast::ShowVariable { .. }
                        | Ast::ShowCreate { .. }
                        | Ast::ExplainTable { .. }
                        | Ast::Explain { .. }
                        | Ast::Execute { .. }
                ),
                _ => false,
            },
        }
    }
}

/// Parses one piece. The spans of the syntax tree, and so those of every error, are places in the whole script.
pub(crate) fn parse(piece: &Piece<'_>, dialect: &dyn Dialect, recursion_limit: usize) -> Result<Statement> {
    let parse = |text: &str| parse_engine(text, piece, dialect, recursion_limit);
    if let Some(text) = summarize_as_query(piece.text) {
        return Ok(Statement::Summarize(Box::new(parse(&text)?)));
    }
    if let Some(name) = described_function(piece.text) {
        return Ok(Statement::Function(FunctionStatement::Describe(name)));
    }
    if let Some((format, text)) = drawn(piece.text) {
        return Ok(Statement::Draw(format, Box::new(parse(&text)?)));
    }
    let text = copy_text(piece.text).map_err(|error| error.map_span(|span| piece.moved(span)))?;
    Ok(match parse(&text)? {
        EngineStatement::Statement(statement) => match *statement {
            ast::Statement::Use(target) => Statement::Use(use_target(target)?),
            ast::Statement::CreateFunction(create) => Statement::Function(FunctionStatement::Create(Box::new(create))),
            ast::Statement::DropFunction(drop) => Statement::Function(FunctionStatement::Drop(drop)),
            ast::Statement::ShowFunctions { filter } => {
                Statement::Function(FunctionStatement::Show(filter.map(Box::new)))
            }
            ast::Statement::Cache { table_flag, table_name, options, query, .. } => {
                if table_flag.is_some() || !options.is_empty() {
                    return Err(Error::user("CACHE TABLE takes a name, and AS with a query")
                        .with_hint("a view is computed when it is asked for: CREATE VIEW … AS SELECT …"));
                }
                cache(table_name, query)?
            }
            ast::Statement::UNCache { table_name, if_exists } => Statement::Uncache { name: table_name, if_exists },
            ast::Statement::ShowTables { show_options, .. } => parse_query(&show_tables(&show_options)?)?,
            ast::Statement::ShowSchemas { .. } | ast::Statement::ShowDatabases { .. } => parse_query(
                "SELECT catalog_name, schema_name FROM information_schema.schemata ORDER BY catalog_name, schema_name",
            )?,
            other => Statement::Engine(Box::new(EngineStatement::Statement(Box::new(other)))),
        },
        other => Statement::Engine(Box::new(other)),
    })
}

fn parse_engine(
    text: &str,
    piece: &Piece<'_>,
    dialect: &dyn Dialect,
    recursion_limit: usize,
) -> Result<EngineStatement> {
    let mut tokens = Tokenizer::new(dialect, text)
        .tokenize_with_location()
        .map_err(|error| Error::user(error.message.trim().to_string()).at(piece.place(error.location)))?;
    shift(&mut tokens, piece);
    from_first(&mut tokens);
    let statements = DFParserBuilder::new(tokens)
        .with_dialect(dialect)
        .with_recursion_limit(recursion_limit)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|error| diagnose(error, piece, &[]))?;
    only_one(statements).map_err(|error| error.at(piece.start()))
}

fn only_one(mut statements: VecDeque<EngineStatement>) -> Result<EngineStatement> {
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => Err(Error::user("there is no statement here")),
        (Some(_), more) => Err(Error::user(format!("one statement is wanted here, not {}", more + 1))),
    }
}

fn cache(name: ast::ObjectName, query: Option<Box<ast::Query>>) -> Result<Statement> {
    let (what, rows) = match query {
        Some(query) => (Cached::Query, EngineStatement::Statement(Box::new(ast::Statement::Query(query)))),
        None => match parse_query(&format!("SELECT * FROM {name}"))? {
            Statement::Engine(query) => (Cached::Table, *query),
            _ => return Err(Error::internal("a query is a statement of the engine")),
        },
    };
    Ok(Statement::Cache(name, what, Box::new(rows)))
}

/// A statement of ours that is said in the engine's SQL.
fn parse_query(text: &str) -> Result<Statement> {
    let statements = DFParserBuilder::new(text).build()?.parse_statements()?;
    Ok(Statement::Engine(Box::new(only_one(statements)?)))
}

/// Moves the tokens from their place in the piece to their place in the script.
pub(super) fn shift(tokens: &mut [TokenWithSpan], piece: &Piece<'_>) {
    for token in tokens {
        for at in [&mut token.span.start, &mut token.span.end] {
            *at = piece.shifted(*at);
        }
    }
}

/// `SUMMARIZE t` as `     FROM t`, `SUMMARIZE SELECT …` as `          SELECT …`: of the same length, so that places hold.
fn summarize_as_query(text: &str) -> Option<String> {
    const WORD: &str = "SUMMARIZE";
    let (word, rest) = text.split_at_checked(WORD.len())?;
    if !word.eq_ignore_ascii_case(WORD) || !rest.starts_with(|c: char| c.is_whitespace() || c == '(' || c == '\'') {
        return None;
    }
    let first = rest.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    let is_query = first.starts_with('(') || ["SELECT", "WITH", "FROM", "VALUES"].contains(&first.as_str());
    Some(format!("{:>9}{rest}", if is_query { "" } else { "FROM" }))
}

/// `EXPLAIN (FORMAT svg) SELECT …` as `EXPLAIN              SELECT …`, and the format; none for the formats that are the
/// engine's.
fn drawn(text: &str) -> Option<(DrawingFormat, String)> {
    let rest = strip_word(text, "EXPLAIN")?.trim_start().strip_prefix('(')?;
    let (options, statement) = rest.split_once(')')?;
    let format = strip_word(options.trim(), "FORMAT")?.trim().trim_matches('\'');
    let format = DrawingFormat::named(format)?;
    let (word, options) = text[..text.len() - statement.len()].split_at("EXPLAIN".len());
    let blank: String = options.chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
    Some((format, format!("{word}{blank}{statement}")))
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(word.len())?;
    first.eq_ignore_ascii_case(word).then_some(rest)
}

fn use_target(target: ast::Use) -> Result<ast::ObjectName> {
    match target {
        ast::Use::Object(name) | ast::Use::Schema(name) | ast::Use::Database(name) | ast::Use::Catalog(name) => {
            Ok(name)
        }
        other => Err(Error::user(format!("'{other}' names no schema")).with_hint("write USE name or USE catalog.name")),
    }
}

/// Tables and views that a person made: the engine's own SHOW TABLES lists its information schema too.
fn show_tables(options: &ShowStatementOptions) -> Result<String> {
    let mut query = String::from(
        "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables WHERE ",
    );
    match options.show_in.as_ref().and_then(|show_in| show_in.parent_name.as_ref()) {
        Some(schema) => query.push_str(&format!("table_schema = {}", quoted(&schema.to_string().replace('"', "")))),
        None => query.push_str("table_schema <> 'information_schema'"),
    }
    if let Some(ShowStatementFilterPosition::Infix(filter) | ShowStatementFilterPosition::Suffix(filter)) =
        &options.filter_position
    {
        match filter {
            ShowStatementFilter::Like(pattern) => query.push_str(&format!(" AND table_name LIKE {}", quoted(pattern))),
            ShowStatementFilter::ILike(pattern) => {
                query.push_str(&format!(" AND table_name ILIKE {}", quoted(pattern)));
            }
            ShowStatementFilter::Where(condition) => query.push_str(&format!(" AND ({condition})")),
            ShowStatementFilter::NoKeyword(_) => return Err(Error::user("SHOW TABLES takes LIKE, ILIKE or WHERE")),
        }
    }
    Ok(query + " ORDER BY table_catalog, table_schema, table_name")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Statement {
    /// The engine's statement inside, if there is one.
    fn engine_mut(&mut self) -> Option<&mut EngineStatement> {
        match self {
            Self::Engine(statement)
            | Self::Summarize(statement)
            | Self::Draw(_, statement)
            | Self::Cache(_, _, statement) => Some(statement),
            Self::Use(_) | Self::Function(_) | Self::Uncache { .. } => None,
        }
    }

    /// Walks through the syntax tree wherever there is one.
    pub(super) fn visit_mut<V: ast::VisitorMut>(&mut self, visitor: &mut V) -> ControlFlow<V::Break> {
        self.engine_mut().map_or(ControlFlow::Continue(()), |statement| visit_engine(statement, visitor))
    }
}

fn visit_engine<V: ast::VisitorMut>(statement: &mut EngineStatement, visitor: &mut V) -> ControlFlow<V::Break> {
    match statement {
        EngineStatement::Statement(statement) => statement.visit(visitor),
        EngineStatement::Explain(explain) => visit_engine(&mut explain.statement, visitor),
        EngineStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(visitor),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        EngineStatement::CreateExternalTable(_) | EngineStatement::Reset(_) => ControlFlow::Continue(()),
    }
}

/// Whether the piece is a query, as far as its syntax tells; a piece that does not parse is none.
pub(crate) fn is_query(piece: &Piece<'_>) -> bool {
    parse(piece, &GenericDialect {}, 100).is_ok_and(|statement| statement.is_query())
}

impl Piece<'_> {
    /// The place of the first word.
    pub(crate) fn start(&self) -> crate::Span {
        crate::Span::new(self.line, self.column)
    }

    /// The place right behind the last word.
    pub(crate) fn end(&self) -> crate::Span {
        let (lines, last) = (self.text.matches('\n').count() as u64, self.text.rsplit('\n').next().unwrap_or_default());
        self.place(Location { line: lines + 1, column: last.chars().count() as u64 + 1 })
    }

    /// A place inside the piece as a place in the script.
    fn shifted(&self, at: Location) -> Location {
        match at.line {
            0 => at,
            1 => Location { line: self.line, column: self.column + at.column.saturating_sub(1) },
            line => Location { line: self.line + line - 1, column: at.column },
        }
    }

    fn moved(&self, span: crate::Span) -> crate::Span {
        self.place(Location { line: span.line(), column: span.column() })
    }

    pub(super) fn place(&self, at: Location) -> crate::Span {
        let at = self.shifted(at);
        crate::Span::new(at.line, at.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::split;

    fn parsed(text: &str) -> Result<Statement> {
        parse(&split(text).unwrap()[0], &GenericDialect {}, 50)
    }

    #[test]
    fn summarize_takes_a_table_or_a_query() {
        for text in ["SUMMARIZE flights", "summarize SELECT 1", "SUMMARIZE (VALUES (1))", "SUMMARIZE 'f.parquet'"] {
            assert!(matches!(parsed(text), Ok(Statement::Summarize(_))), "{text}");
        }
        assert!(matches!(parsed("SELECT 1"), Ok(Statement::Engine(_))));
    }

    #[test]
    fn a_plan_is_drawn_where_its_format_is_a_picture() {
        for text in
            ["EXPLAIN (FORMAT svg) SELECT 1", "explain ( format 'DOT' )\nSELECT 1", "EXPLAIN(FORMAT html) VALUES (1)"]
        {
            assert!(matches!(parsed(text), Ok(Statement::Draw(..))), "{text}");
        }
        for text in ["EXPLAIN (FORMAT tree) SELECT 1", "EXPLAIN (SELECT 1)", "EXPLAIN SELECT 1"] {
            assert!(matches!(parsed(text), Ok(Statement::Engine(_))), "{text}");
        }
        let error = parsed("EXPLAIN (FORMAT svg) SELECT 1 +").unwrap_err();
        assert_eq!(error.span().unwrap().column(), 32);
    }

    #[test]
    fn a_syntax_error_stands_at_its_place_in_the_script() {
        let script = "SELECT 1;\n\n  SELECT 1 +\n  , 2";
        let error = parse(&split(script).unwrap()[1], &GenericDialect {}, 50).unwrap_err();
        assert_eq!(error.to_string(), "4:3: Expected: an expression, found: ,");
        let error = parse(&split("SELECT\n 1 +").unwrap()[0], &GenericDialect {}, 50).unwrap_err();
        assert_eq!(error.to_string(), "2:5: Expected: an expression, found: EOF");
    }
}
