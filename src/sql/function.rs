//! Statements on row functions, and their bodies.

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::ast::{self, ShowStatementFilter};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, Tokenizer};

use super::diagnose::diagnose;
use super::rewrite::from_first;
use super::split::Piece;
use super::statement::shift;
use crate::error::{Error, Result};

/// A statement on row functions.
#[derive(Debug, Clone)]
pub(crate) enum FunctionStatement {
    Create(Box<ast::CreateFunction>),
    Drop(ast::DropFunction),
    /// `SHOW FUNCTIONS [LIKE pattern]`.
    Show(Option<Box<ShowStatementFilter>>),
    /// `DESCRIBE FUNCTION name`.
    Describe(ast::Ident),
}

/// `DESCRIBE FUNCTION name` and `DESC FUNCTION name`, which the parser takes for a table called function.
pub(super) fn described_function(text: &str) -> Option<ast::Ident> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().ok()?;
    let mut words = tokens.iter().filter_map(|token| match token {
        Token::Whitespace(_) => None,
        Token::Word(word) => Some(Some(word)),
        _ => Some(None),
    });
    let describe = words.next()??.value.to_ascii_uppercase();
    let function = words.next()??.value.to_ascii_uppercase();
    let name = words.next()??;
    let fits = matches!(describe.as_str(), "DESCRIBE" | "DESC") && function == "FUNCTION" && words.next().is_none();
    fits.then(|| name.clone().into_ident(Span::empty()))
}

/// An expression, or a query of one value, that stands in a piece of a script by itself.
///
/// Errors: syntax, at its place in the script.
pub(crate) fn parse_expression(piece: &Piece<'_>) -> Result<ast::Expr> {
    let dialect = GenericDialect {};
    let mut tokens = Tokenizer::new(&dialect, piece.text)
        .tokenize_with_location()
        .map_err(|error| Error::user(error.message.trim().to_string()).at(piece.place(error.location)))?;
    shift(&mut tokens, piece);
    from_first(&mut tokens);
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let first = parser.peek_token_ref().token.to_string().to_ascii_uppercase();
    let parsed = if ["SELECT", "WITH", "VALUES"].contains(&first.as_str()) {
        parser.parse_query().map(single_value)
    } else {
        parser.parse_expr()
    };
    let rest = parsed.and_then(|expr| {
        let _ = parser.consume_token(&Token::SemiColon);
        parser.expect_token(&Token::EOF).map(|_| expr)
    });
    rest.map_err(|error| diagnose(DataFusionError::SQL(Box::new(error), None), piece, &[]))
}

/// `SELECT expression` as the expression, any other query as a subquery.
fn single_value(query: Box<ast::Query>) -> ast::Expr {
    if let ast::SetExpr::Select(select) = &*query.body
        && let [ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }] =
            select.projection.as_slice()
        && query.to_string() == format!("SELECT {}", select.projection[0])
    {
        return expr.clone();
    }
    ast::Expr::Subquery(query)
}
