//! Words of an unfinished statement with their bytes: what completion and highlighting look at.

use std::ops::Range;

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

use crate::sql;

/// A token of SQL text and the bytes it stands in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) range: Range<usize>,
}

/// Text cut into lexemes, up to a quote or comment that is still open.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Lexed {
    pub(super) lexemes: Vec<Lexeme>,
    /// The byte that an unclosed quote or comment begins at.
    pub(super) open: Option<usize>,
}

impl Lexeme {
    /// The word, quoted or not.
    pub(super) fn word(&self) -> Option<&Word> {
        match &self.token {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is this word, unquoted, in any case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.word().is_some_and(|word| word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn is_comment(&self) -> bool {
        let Token::Whitespace(white) = &self.token else { return false };
        matches!(white, Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_))
    }

    pub(super) fn is_white(&self) -> bool {
        matches!(self.token, Token::Whitespace(_))
    }
}

/// Cuts `text`. What the tokenizer cannot read, such as an open quote, ends the list and is told by its first byte.
pub(super) fn lex(text: &str) -> Lexed {
    let error = match sql::tokens(text) {
        Ok(tokens) => return Lexed { lexemes: place(text, tokens), open: None },
        Err(error) => error,
    };
    // An open quote is told by its first character, an open comment by the end of the text.
    let told = error.span().map(|span| Places::new(text).offset(span.line(), span.column()));
    let open = told.filter(|at| opens(text, *at)).or_else(|| find_opening(text));
    let Some(open) = open else { return Lexed { lexemes: Vec::new(), open: Some(0) } };
    let lexemes = sql::tokens(&text[..open]).map(|tokens| place(text, tokens)).unwrap_or_default();
    Lexed { lexemes, open: Some(open) }
}

/// Whether what begins at byte `at` is what cannot be read.
fn opens(text: &str, at: usize) -> bool {
    at < text.len() && sql::tokens(&text[..at]).is_ok() && sql::tokens(&text[at..]).is_err()
}

/// The last quote or slash that all before it can be read without: those inside what is open cannot.
fn find_opening(text: &str) -> Option<usize> {
    text.rmatch_indices(['/', '$', '\'', '"', '`']).map(|(at, _)| at).find(|at| opens(text, *at))
}

fn place(text: &str, tokens: Vec<TokenWithSpan>) -> Vec<Lexeme> {
    let mut places = Places::new(text);
    let placed = tokens.into_iter().filter(|token| token.token != Token::EOF).map(|token| {
        let start = places.offset(token.span.start.line, token.span.start.column);
        let end = places.offset(token.span.end.line, token.span.end.column);
        Lexeme { token: token.token, range: start..end }
    });
    placed.collect()
}

/// Turns the tokenizer's lines and columns, asked for in rising order, into bytes in one walk.
struct Places<'a> {
    rest: std::str::CharIndices<'a>,
    line: u64,
    column: u64,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.char_indices(), line: 1, column: 1 }
    }

    fn offset(&mut self, line: u64, column: u64) -> usize {
        while (self.line, self.column) < (line, column) {
            match self.rest.next() {
                Some((_, '\n')) => (self.line, self.column) = (self.line + 1, 1),
                Some(_) => self.column += 1,
                None => break,
            }
        }
        self.rest.offset()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> (Vec<&str>, Option<&str>) {
        let lexed = lex(text);
        let words = lexed.lexemes.iter().filter(|lexeme| !lexeme.is_white()).map(|l| &text[l.range.clone()]);
        (words.collect(), lexed.open.map(|open| &text[open..]))
    }

    #[test]
    fn lexemes_know_their_bytes() {
        assert_eq!(cut("SELECT 'é', f.x\n  FROM t"), (vec!["SELECT", "'é'", ",", "f", ".", "x", "FROM", "t"], None));
    }

    #[test]
    fn what_is_open_is_told_apart() {
        assert_eq!(cut("SELECT 'it''s"), (vec!["SELECT"], Some("'it''s")));
        assert_eq!(cut("FROM \"Fl"), (vec!["FROM"], Some("\"Fl")));
        assert_eq!(cut("SELECT '/*' /* why"), (vec!["SELECT", "'/*'"], Some("/* why")));
        assert_eq!(cut("SELECT 1,\n $$ text"), (vec!["SELECT", "1", ","], Some("$$ text")));
    }
}
