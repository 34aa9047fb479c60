//! What may stand at the cursor, by the words before it.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::names::meant;
use crate::shell::lexeme::Lexeme;

/// What may stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The first word of a statement.
    Statement,
    /// A table; `functions` where one may be called instead, and `keywords` that may come first.
    Table { functions: bool, keywords: &'static [&'static str] },
    /// A schema.
    Schema,
    /// A function that a person made.
    OwnFunction { keywords: &'static [&'static str] },
    /// Something of what the parts before the last dot name.
    Member(Vec<String>),
    /// An option, after SET, SHOW and RESET.
    Option { keywords: &'static [&'static str] },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A column, function or keyword.
    Expression,
}

/// The place behind `before`, the lexemes of the statement up to the word that is being typed.
pub(super) fn place(before: &[&Lexeme]) -> Place {
    let Some((last, earlier)) = before.split_last() else { return Place::Statement };
    if last.token == Token::Period {
        return Place::Member(qualifier(earlier));
    }
    if last.token == Token::Comma {
        return if lists_tables(earlier) { Place::Table { functions: true, keywords: &[] } } else { Place::Expression };
    }
    let previous = earlier.last();
    let after = |keyword: &str| previous.is_some_and(|lexeme| lexeme.is(keyword));
    match word(last).as_str() {
        "FROM" | "JOIN" => Place::Table { functions: true, keywords: &["LATERAL"] },
        "DESCRIBE" | "DESC" if earlier.is_empty() => {
            Place::Table { functions: false, keywords: &["FUNCTION", "SELECT"] }
        }
        "FUNCTION" if after("DROP") => Place::OwnFunction { keywords: &["IF EXISTS"] },
        "FUNCTION" if after("DESCRIBE") || after("DESC") => Place::OwnFunction { keywords: &[] },
        "SUMMARIZE" => Place::Table { functions: true, keywords: &["SELECT"] },
        "INTO" | "UPDATE" | "COPY" => Place::Table { functions: false, keywords: &[] },
        "TRUNCATE" => Place::Table { functions: false, keywords: &["TABLE"] },
        "TABLE" | "VIEW" if after("DROP") => Place::Table { functions: false, keywords: &["IF EXISTS"] },
        "TABLE" | "VIEW" if earlier.first().is_some_and(|first| first.is("CREATE")) => Place::Word(&["IF NOT EXISTS"]),
        "TABLE" => Place::Table { functions: false, keywords: &[] },
        "EXISTS" if earlier.iter().any(|lexeme| lexeme.is("SCHEMA")) => Place::Schema,
        "EXISTS" if earlier.iter().any(|lexeme| lexeme.is("FUNCTION")) => Place::OwnFunction { keywords: &[] },
        "EXISTS" if earlier.first().is_some_and(|first| first.is("DROP")) => {
            Place::Table { functions: false, keywords: &[] }
        }
        "USE" => Place::Schema,
        "SCHEMA" if after("DROP") => Place::Schema,
        "SHOW" => Place::Option { keywords: super::words::SHOWN },
        "SET" if earlier.is_empty() => Place::Option { keywords: &[] },
        "RESET" => Place::Option { keywords: &[] },
        "CREATE" => Place::Word(super::words::CREATED),
        "DROP" => Place::Word(super::words::DROPPED),
        "EXPLAIN" | "ANALYZE" | "VERBOSE" if earlier.len() < 3 => {
            Place::Word(&["ANALYZE", "SELECT", "VERBOSE", "WITH"])
        }
        "GROUP" | "ORDER" => Place::Word(&["BY"]),
        _ => Place::Expression,
    }
}

/// The unquoted word in upper case; empty for anything else.
fn word(lexeme: &Lexeme) -> String {
    lexeme.word().filter(|word| word.quote_style.is_none()).map(|word| word.value.to_uppercase()).unwrap_or_default()
}

/// The parts of the name that ends before a dot.
fn qualifier(earlier: &[&Lexeme]) -> Vec<String> {
    let mut parts = Vec::new();
    for pair in earlier.rchunks(2) {
        let [.., last] = pair else { break };
        let Some(word) = last.word() else { break };
        parts.insert(0, meant(word));
        if !matches!(pair, [dot, _] if dot.token == Token::Period) {
            break;
        }
    }
    parts
}

/// Whether a comma here lies between tables: the clause it is in, at its own depth, begins with FROM.
fn lists_tables(earlier: &[&Lexeme]) -> bool {
    let mut depth = 0;
    for lexeme in earlier.iter().rev() {
        match lexeme.token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => return false,
            Token::LParen => depth -= 1,
            _ if depth > 0 => {}
            _ if lexeme.is("FROM") => return true,
            _ if ["SELECT", "WHERE", "BY", "SET", "HAVING", "VALUES"].iter().any(|word| lexeme.is(word)) => {
                return false;
            }
            _ => {}
        }
    }
    false
}
