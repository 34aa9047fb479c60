//! `FROM t WHERE …` for `SELECT * FROM t WHERE …`, as DuckDB has it: the parser ends such a query behind its tables.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Puts `SELECT *` before every FROM that begins a query which has no SELECT behind it either. The new tokens stand
/// at the place of the FROM.
pub(in crate::sql) fn from_first(tokens: &mut Vec<TokenWithSpan>) {
    let mut at = 0;
    // Whether the query at each depth of parentheses has named its columns yet; none where there is no query.
    let mut depths = vec![Some(false)];
    let mut first = true;
    while at < tokens.len() {
        match &tokens[at].token {
            Token::Whitespace(_) => {}
            Token::LParen => {
                depths.push(begins_query(&tokens[at + 1..]).then_some(false));
                first = true;
                at += 1;
                continue;
            }
            Token::RParen => {
                depths.pop();
            }
            Token::Word(word) => {
                let open = depths.last() == Some(&Some(false));
                match word.keyword {
                    Keyword::FROM if open && !selects(&tokens[at + 1..]) => {
                        let span = tokens[at].span;
                        let select = Token::make_keyword("SELECT");
                        let inserted = [select, Token::Mul].map(|token| TokenWithSpan { token, span });
                        tokens.splice(at..at, inserted);
                        at += 2;
                        set(&mut depths, Some(true));
                    }
                    Keyword::FROM | Keyword::SELECT | Keyword::VALUES if open => set(&mut depths, Some(true)),
                    Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT if depths.last() == Some(&Some(true)) => {
                        set(&mut depths, Some(false));
                    }
                    // Not of a query: DELETE FROM t, SHOW COLUMNS FROM t.
                    keyword if first && depths.len() == 1 && !leads_to_query(keyword) => set(&mut depths, None),
                    _ => {}
                }
                first = false;
            }
            _ => first = false,
        }
        at += 1;
    }
}

fn set(depths: &mut [Option<bool>], state: Option<bool>) {
    if let Some(depth) = depths.last_mut() {
        *depth = state;
    }
}

fn leads_to_query(keyword: Keyword) -> bool {
    matches!(keyword, Keyword::FROM | Keyword::WITH | Keyword::EXPLAIN | Keyword::CREATE | Keyword::INSERT)
}

/// A query in parentheses begins at once: `trim(BOTH FROM x)` is none.
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
