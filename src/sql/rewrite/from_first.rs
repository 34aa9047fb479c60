//! `FROM t WHERE …` for `SELECT * FROM t WHERE …`, as DuckDB has it: the parser ends such a query behind its tables.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Puts `SELECT *` before every FROM that begins a query which has no SELECT behind it either. The new tokens stand
/// at the place of the FROM.
pub(in crate::sql) fn from_first(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    let mut walk = Walk { depths: vec![Depth::Start] };
    while at < tokens.len() {
        if walk.step(&tokens[at].token, &tokens[at + 1..]) {
            let span = tokens[at].span;
            let select = [Token::make_keyword("SELECT"), Token::Mul].map(|token| TokenWithSpan { token, span });
            tokens.splice(at..at, select);
            at += 2;
        }
        at += 1;
    }
}

/// What is known of a depth of parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Nothing: the statement begins.
    Start,
    /// A query that has not named its columns yet.
    Open,
    /// A query behind its SELECT.
    Named,
    /// No query: `DELETE FROM t`, `trim(BOTH FROM x)`.
    Other,
}

/// The way through a statement.
struct Walk {
    depths: Vec<Depth>,
}

impl Walk {
    /// Takes one token; whether it is a FROM that wants a SELECT before it.
    fn step(&mut self, token: &Token, rest: &[TokenWithSpan]) -> bool {
        match token {
            Token::LParen => {
                // `(FROM t) UNION FROM u`: what is in parentheses is the first query.
                if let Some(depth @ Depth::Start) = self.depths.last_mut() {
                    *depth = Depth::Named;
                }
                self.depths.push(if begins_query(rest) { Depth::Open } else { Depth::Other });
            }
            Token::RParen => {
                self.depths.pop();
            }
            Token::Word(word) => return self.word(word.keyword, rest),
            _ => {}
        }
        false
    }

    fn word(&mut self, keyword: Keyword, rest: &[TokenWithSpan]) -> bool {
        let Some(depth) = self.depths.last_mut() else { return false };
        if *depth == Depth::Start {
            *depth = if leads_to_query(keyword) { Depth::Open } else { Depth::Other };
        }
        match (keyword, *depth) {
            (Keyword::FROM | Keyword::SELECT | Keyword::VALUES, Depth::Open) => *depth = Depth::Named,
            (Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT, Depth::Named) => *depth = Depth::Open,
            _ => return false,
        }
        keyword == Keyword::FROM && !selects(rest)
    }
}

fn leads_to_query(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::FROM | Keyword::SELECT | Keyword::WITH | Keyword::EXPLAIN | Keyword::CREATE | Keyword::INSERT
    )
}

/// A query in parentheses begins at once.
fn begins_query(tokens: &[TokenWithSpan]) -> bool {
    let first = tokens.iter().map(|token| &token.token).find(|token| !matches!(token, Token::Whitespace(_)));
    matches!(first, Some(Token::Word(word)) if matches!(word.keyword, Keyword::FROM | Keyword::WITH | Keyword::SELECT))
}

/// Whether a SELECT follows at this depth, in this query: `FROM t SELECT x`.
fn selects(tokens: &[TokenWithSpan]) -> bool {
    let mut depth = 0_usize;
    for token in tokens {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return false,
            Token::RParen => depth -= 1,
            Token::Word(word) if depth == 0 => match word.keyword {
                Keyword::SELECT => return true,
                Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => return false,
                _ => {}
            },
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn rewritten(text: &str) -> String {
        let mut tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().unwrap();
        from_first(&mut tokens);
        tokens.iter().map(|token| token.token.to_string()).collect()
    }

    #[test]
    fn a_query_without_columns_takes_them_all() {
        for (text, expected) in [
            ("FROM t WHERE x", "SELECT*FROM t WHERE x"),
            ("EXPLAIN FROM t", "EXPLAIN SELECT*FROM t"),
            ("CREATE VIEW v AS FROM t", "CREATE VIEW v AS SELECT*FROM t"),
            ("WITH q AS (FROM t) FROM q", "WITH q AS (SELECT*FROM t) SELECT*FROM q"),
            ("SELECT 1 UNION FROM t", "SELECT 1 UNION SELECT*FROM t"),
            ("(FROM t) EXCEPT FROM u", "(SELECT*FROM t) EXCEPT SELECT*FROM u"),
            ("INSERT INTO t FROM u", "INSERT INTO t SELECT*FROM u"),
        ] {
            assert_eq!(rewritten(text), expected);
        }
    }

    #[test]
    fn other_froms_stay() {
        for text in [
            "FROM t SELECT x WHERE y",
            "SELECT x FROM t WHERE y IS DISTINCT FROM z",
            "SELECT extract(year FROM d), trim(BOTH 'x' FROM s) FROM (SELECT 1) AS q",
            "DELETE FROM t",
            "SHOW COLUMNS FROM t",
            "SELECT (x) FROM t UNION (SELECT y FROM u)",
            "COPY (SELECT x FROM t) TO 'f'",
            "DESCRIBE SELECT x FROM t",
        ] {
            assert_eq!(rewritten(text), text);
        }
    }
}
