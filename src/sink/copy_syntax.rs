//! `COPY … TO 'file' (OPTION value, …)`, as PostgreSQL and DuckDB write it, in the engine's clauses.

use std::borrow::Cow;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::error::{Error, Result, Span};

/// Rewrites the options in parentheses behind the target of a COPY; any other text comes back as it is.
///
/// ```text
/// COPY t TO 'x' (FORMAT csv, PARTITION_BY (k), HEADER false)
/// COPY t TO 'x' STORED AS csv PARTITIONED BY (k) OPTIONS ('HEADER' 'false')
/// ```
///
/// What stands before the parenthesis keeps its place, and so do the spans of errors in it.
///
/// Errors: a list of options that does not parse, at its place.
pub(crate) fn copy_text(text: &str) -> Result<Cow<'_, str>> {
    // What the tokenizer cannot read, the parser will tell better.
    let tokens = Tokenizer::new(&GenericDialect {}, text).with_unescape(false).tokenize_with_location();
    let mut tokens = tokens.unwrap_or_default();
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    let Some(open) = opening(&tokens) else { return Ok(Cow::Borrowed(text)) };
    let mut parser = Options { tokens: &tokens, at: open + 1 };
    let options = parser.list()?;
    let end = tokens[parser.at - 1].span.end;
    let start = tokens[open].span.start;
    // `WITH (` is PostgreSQL's word for the same.
    let start = if is_word(&tokens[open - 1], "WITH") { tokens[open - 1].span.start } else { start };
    let (head, tail) = (&text[..offset(text, start)], &text[offset(text, end)..]);
    Ok(Cow::Owned(format!("{head}{}{tail}", clauses(&options)?)))
}

/// The parenthesis right behind the target: `TO 'file' (`, outside of any other.
fn opening(tokens: &[TokenWithSpan]) -> Option<usize> {
    if !tokens.first().is_some_and(|first| is_word(first, "COPY") || is_word(first, "EXPLAIN")) {
        return None;
    }
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.token {
            Token::LParen if depth == 0 && follows_target(&tokens[..at]) => return Some(at),
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    None
}

fn follows_target(before: &[TokenWithSpan]) -> bool {
    let before = match before {
        [before @ .., with] if is_word(with, "WITH") => before,
        before => before,
    };
    matches!(before, [.., to, target] if is_word(to, "TO") && matches!(target.token, Token::SingleQuotedString(_)))
}

fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

/// The byte at a place that the tokenizer names: lines end at `\n`, columns count characters.
fn offset(text: &str, place: Location) -> usize {
    let lines = text.split_inclusive('\n').take(place.line.saturating_sub(1) as usize).map(str::len).sum::<usize>();
    let columns =
        text[lines..].chars().take(place.column.saturating_sub(1) as usize).map(char::len_utf8).sum::<usize>();
    lines + columns
}

/// A name with its values as they were written; none stands for true.
struct Choice {
    name: String,
    values: Vec<String>,
    listed: bool,
    place: Location,
}

struct Options<'a> {
    tokens: &'a [TokenWithSpan],
    at: usize,
}

impl Options<'_> {
    /// `name [value | (value, …)], …)`
    fn list(&mut self) -> Result<Vec<Choice>> {
        let mut choices = Vec::new();
        while !self.take(&Token::RParen) {
            if !choices.is_empty() && !self.take(&Token::Comma) {
                return Err(self.unexpected("',' or ')' after an option of COPY"));
            }
            choices.push(self.choice()?);
        }
        Ok(choices)
    }

    fn choice(&mut self) -> Result<Choice> {
        let place = self.tokens.get(self.at).map_or(Location::empty(), |token| token.span.start);
        let mut name = self.name()?;
        while self.take(&Token::Period) {
            name = format!("{name}.{}", self.name()?);
        }
        self.take(&Token::Eq);
        let mut values = Vec::new();
        let listed = self.take(&Token::LParen);
        if listed {
            while !self.take(&Token::RParen) {
                values.push(self.value()?);
                self.take(&Token::Comma);
            }
        } else if !matches!(self.tokens.get(self.at).map(|token| &token.token), Some(Token::Comma | Token::RParen)) {
            values.push(self.value()?);
        }
        Ok(Choice { name, values, listed, place })
    }

    fn name(&mut self) -> Result<String> {
        let name = match self.tokens.get(self.at).map(|token| &token.token) {
            Some(Token::Word(word)) => word.value.clone(),
            Some(Token::SingleQuotedString(text)) => text.clone(),
            _ => return Err(self.unexpected("the name of an option of COPY")),
        };
        self.at += 1;
        Ok(name)
    }

    fn value(&mut self) -> Result<String> {
        let sign = if self.take(&Token::Minus) { "-" } else { "" };
        let value = match self.tokens.get(self.at).map(|token| &token.token) {
            Some(value @ (Token::Word(_) | Token::SingleQuotedString(_) | Token::Number(..))) => {
                format!("{sign}{value}")
            }
            _ => return Err(self.unexpected("the value of an option of COPY")),
        };
        self.at += 1;
        Ok(value)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|next| next.token == *token);
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self, wanted: &str) -> Error {
        match self.tokens.get(self.at) {
            Some(found) => Error::user(format!("expected {wanted}, found {}", found.token))
                .at(Span::new(found.span.start.line, found.span.start.column)),
            None => Error::user(format!("expected {wanted}, found the end")),
        }
    }
}

fn clauses(options: &[Choice]) -> Result<String> {
    let mut clauses = String::new();
    let mut rest = Vec::new();
    for Choice { name, values, listed, place } in options {
        match (name.to_ascii_lowercase().as_str(), values.as_slice()) {
            ("format", [format]) => clauses += &format!("STORED AS {} ", format.trim_matches('\'')),
            ("partition_by", columns) => clauses += &format!("PARTITIONED BY ({}) ", columns.join(", ")),
            (_, []) if !listed => rest.push(format!("'{name}' 'true'")),
            (_, [value]) => rest.push(format!("'{name}' {}", quoted(value))),
            _ => {
                return Err(Error::user(format!("the option '{name}' of COPY takes one value"))
                    .at(Span::new(place.line, place.column)));
            }
        }
    }
    match rest.is_empty() {
        true => Ok(clauses),
        false => Ok(format!("{clauses}OPTIONS ({})", rest.join(", "))),
    }
}

fn quoted(value: &str) -> String {
    if value.starts_with('\'') { value.into() } else { format!("'{}'", value.trim_matches('"')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_clauses() {
        let text = "COPY (SELECT ')' AS a) TO 'x.csv' WITH (FORMAT 'csv', HEADER, DELIMITER ';', nullstr = NA, PARTITION_BY (a, \"B\")) ;";
        assert_eq!(
            copy_text(text).unwrap(),
            "COPY (SELECT ')' AS a) TO 'x.csv' STORED AS csv PARTITIONED BY (a, \"B\") \
             OPTIONS ('HEADER' 'true', 'DELIMITER' ';', 'nullstr' 'NA') ;"
        );
    }

    #[test]
    fn other_text_stays() {
        for text in [
            "COPY t TO 'x.csv' STORED AS CSV OPTIONS ('format.delimiter' ';')",
            "SELECT copy FROM t WHERE a = 'TO'",
            "COPY (SELECT 'never closed",
            "",
        ] {
            assert!(matches!(copy_text(text).unwrap(), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn errors_have_their_place() {
        let error = copy_text("COPY t TO 'x'\n  (header true delimiter ';')").unwrap_err();
        assert_eq!((error.span().unwrap().line(), error.span().unwrap().column()), (2, 16));
        assert!(copy_text("COPY t TO 'x' (header").is_err());
        assert!(copy_text("COPY t TO 'x' (header (1, 2))").is_err());
    }
}
