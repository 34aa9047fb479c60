//! Which tables a statement is about, and by what names.

use super::names::meant;
use super::words::KEYWORDS;
use crate::shell::lexeme::Lexeme;

use datafusion::sql::sqlparser::tokenizer::Token;

/// A table in FROM, JOIN, INTO or UPDATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relation {
    /// The name its columns can be qualified with: its alias, or else its own.
    pub(super) alias: String,
    /// The parts of its name, schema first; empty for a subquery or function.
    pub(super) table: Vec<String>,
}

/// The relations of a statement, wherever they stand in it; and the names of its WITH clause.
///
/// Nesting is not looked at: inside a subquery the outer query's columns are offered too, which SQL allows.
pub(super) fn relations(statement: &[&Lexeme]) -> (Vec<Relation>, Vec<String>) {
    let mut relations = Vec::new();
    let mut depth = 0;
    // The depths at which a FROM clause is open, where a comma leads to another table.
    let mut from: Vec<i32> = Vec::new();
    for (at, lexeme) in statement.iter().enumerate() {
        let mut leads = false;
        match &lexeme.token {
            Token::LParen => depth += 1,
            Token::RParen => {
                depth -= 1;
                from.retain(|open| *open <= depth);
            }
            Token::Comma => leads = from.contains(&depth),
            _ if lexeme.is("FROM") => {
                leads = true;
                from.push(depth);
            }
            _ if ["JOIN", "INTO", "UPDATE", "TABLE"].iter().any(|word| lexeme.is(word)) => leads = true,
            _ if ["WHERE", "GROUP", "ORDER", "SELECT", "LIMIT", "HAVING"].iter().any(|word| lexeme.is(word)) => {
                from.retain(|open| *open != depth);
            }
            _ => {}
        }
        if leads {
            relations.extend(relation(&statement[at + 1..]));
        }
    }
    (relations, common_tables(statement))
}

/// The relation that begins here: a name, or a parenthesis or function that is skipped, then an alias.
fn relation(rest: &[&Lexeme]) -> Option<Relation> {
    let (table, mut used) = name(rest);
    let mut table = table;
    if rest.get(used).is_some_and(|lexeme| lexeme.token == Token::LParen) {
        used += closing(&rest[used..])?;
        table = Vec::new();
    }
    if rest.get(used).is_some_and(|lexeme| lexeme.is("AS")) {
        used += 1;
    }
    let word = rest.get(used).and_then(|lexeme| lexeme.word());
    let alias =
        word.filter(|word| word.quote_style.is_some() || !KEYWORDS.contains(&word.value.to_uppercase().as_str()));
    let alias = alias.map(meant).or_else(|| table.last().cloned())?;
    Some(Relation { alias, table })
}

/// The parts of a dotted name, and how many lexemes it takes.
fn name(rest: &[&Lexeme]) -> (Vec<String>, usize) {
    let mut parts = Vec::new();
    let mut used = 0;
    while let Some(word) = rest.get(used).and_then(|lexeme| lexeme.word()) {
        if parts.is_empty() && ["SELECT", "LATERAL", "IF", "VALUES"].iter().any(|word| rest[used].is(word)) {
            break;
        }
        parts.push(meant(word));
        used += 1;
        if rest.get(used).is_none_or(|lexeme| lexeme.token != Token::Period) {
            break;
        }
        used += 1;
    }
    (parts, used)
}

/// How many lexemes the parenthesis that begins here takes; none when it is not closed.
fn closing(rest: &[&Lexeme]) -> Option<usize> {
    let mut depth = 0;
    for (at, lexeme) in rest.iter().enumerate() {
        match lexeme.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// `WITH a AS (…), b AS (…)`: every `word AS (` of a statement that begins with WITH.
fn common_tables(statement: &[&Lexeme]) -> Vec<String> {
    if !statement.first().is_some_and(|lexeme| lexeme.is("WITH")) {
        return Vec::new();
    }
    let named = statement.windows(3).filter_map(|three| {
        let word = three[0].word()?;
        (three[1].is("AS") && three[2].token == Token::LParen).then(|| meant(word))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::lexeme::lex;

    fn scope(text: &str) -> (Vec<(String, String)>, Vec<String>) {
        let lexed = lex(text);
        let statement: Vec<_> = lexed.lexemes.iter().filter(|lexeme| !lexeme.is_white()).collect();
        let (relations, common) = relations(&statement);
        (relations.into_iter().map(|relation| (relation.alias, relation.table.join("."))).collect(), common)
    }

    fn aliases(text: &str) -> Vec<(String, String)> {
        scope(text).0
    }

    fn pair(alias: &str, table: &str) -> (String, String) {
        (alias.into(), table.into())
    }

    #[test]
    fn tables_and_their_aliases() {
        assert_eq!(
            aliases("SELECT x FROM flights f, public.\"Air\" AS a JOIN weather USING (h) WHERE g, h"),
            [pair("f", "flights"), pair("a", "public.Air"), pair("weather", "weather")]
        );
        assert_eq!(aliases("INSERT INTO t SELECT"), [pair("t", "t")]);
    }

    #[test]
    fn subqueries_and_functions_have_no_table() {
        assert_eq!(
            aliases("FROM (SELECT a, b FROM t) s, generate_series(1, 2) g"),
            [pair("s", ""), pair("t", "t"), pair("g", "")]
        );
        assert_eq!(scope("WITH c AS (SELECT 1), d AS (SELECT 2) SELECT * FROM c").1, ["c", "d"]);
    }
}
