//! Cuts a script into statements by the tokenizer, never by line.
//!
//! ```text
//! " SELECT ';' -- one; two\n ; SELECT $$;$$"
//!   └──────── piece 1 ──────┘  └─ piece 2 ─┘     the `;` and the white space between belong to no statement
//! ```

use std::ops::Range;
use std::str::CharIndices;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::error::{Error, Result, Span};

/// One statement of a script: its text and where it stands.
///
/// ```
/// let pieces = partita::sql::split("SELECT 1;\nSELECT 2")?;
/// assert_eq!((pieces[0].text, pieces[0].terminated), ("SELECT 1", true));
/// assert_eq!((pieces[1].range.clone(), pieces[1].line), (10..18, 2));
/// # Ok::<_, partita::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The statement from its first word to its last, comments inside it included, without the final `;`.
    pub text: &'a str,
    /// Where the text stands in the script, in bytes.
    pub range: Range<usize>,
    /// The line of its first word, counted from 1.
    pub line: u64,
    /// The column of its first word in characters, counted from 1.
    pub column: u64,
    /// Whether a `;` ended it.
    pub terminated: bool,
}

/// Cuts `text` into its statements. Empty statements and lone comments are left out.
///
/// Quotes, dollar quotes, nested comments and escapes are the tokenizer's: a `;` inside them ends nothing. A leading
/// byte-order mark is skipped.
///
/// Errors: text the tokenizer cannot read, such as a quote that is never closed, with its place.
///
/// ```
/// let pieces = partita::sql::split("SELECT ';'; -- done\nSELECT 2").unwrap();
/// assert_eq!(pieces[0].text, "SELECT ';'");
/// assert_eq!((pieces[1].line, pieces[1].column), (2, 1));
/// ```
pub fn split(text: &str) -> Result<Vec<Piece<'_>>> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let body = &text[start..];
    let tokens = tokens(body)?;
    let mut cursor = Cursor::new(body);
    let mut pieces = Vec::new();
    let mut open: Option<(Range<usize>, u64, u64)> = None;
    for token in &tokens {
        match &token.token {
            Token::SemiColon => pieces.extend(open.take().map(|open| piece(body, start, open, true))),
            Token::Whitespace(_) | Token::EOF => {}
            _ => {
                let at = token.span.start;
                let start = cursor.advance(at.line, at.column);
                let end = cursor.advance(token.span.end.line, token.span.end.column);
                open.get_or_insert((start..end, at.line, at.column)).0.end = end;
            }
        }
    }
    pieces.extend(open.map(|open| piece(body, start, open, false)));
    Ok(pieces)
}

fn piece(body: &str, start: usize, (range, line, column): (Range<usize>, u64, u64), terminated: bool) -> Piece<'_> {
    Piece { text: &body[range.clone()], range: range.start + start..range.end + start, line, column, terminated }
}

/// Whether `text` ends where a statement ends: after a `;`, with nothing but white space and comments behind it.
///
/// The shell asks this at every line that is entered. A quote or comment that is still open is not complete.
///
/// ```
/// use partita::sql::is_complete;
/// assert!(is_complete("SELECT 1; -- done"));
/// assert!(!is_complete("SELECT ';"));
/// ```
pub fn is_complete(text: &str) -> bool {
    match tokens(text) {
        Ok(tokens) => {
            let last = tokens.iter().rev().find(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF));
            last.is_none_or(|token| token.token == Token::SemiColon) && !ends_in_open_line_comment(&tokens)
        }
        Err(_) => false,
    }
}

/// `SELECT 1 -- ;` is one word short of its end: a line comment that no newline closed swallows what is typed next.
fn ends_in_open_line_comment(tokens: &[TokenWithSpan]) -> bool {
    let semicolon = tokens.iter().any(|t| t.token == Token::SemiColon);
    match tokens.iter().rev().find(|t| t.token != Token::EOF).map(|t| &t.token) {
        Some(Token::Whitespace(Whitespace::SingleLineComment { .. })) => !semicolon,
        _ => false,
    }
}

/// The tokens of `text` with their places; the dialect is the one that statements are parsed in.
pub(crate) fn tokens(text: &str) -> Result<Vec<TokenWithSpan>> {
    Tokenizer::new(&GenericDialect {}, text).with_unescape(false).tokenize_with_location().map_err(|error| {
        let line = text.lines().nth(error.location.line.saturating_sub(1) as usize).unwrap_or_default();
        let span = Span::new(error.location.line, error.location.column).with_excerpt(line, 1);
        Error::user(error.message.trim().to_string()).at(span)
    })
}

/// Finds the bytes of lines and columns in the tokenizer's count: lines end at `\n`, columns are characters.
///
/// Tokens come in order, so it only ever walks forward: a script of one huge line takes linear time.
struct Cursor<'a> {
    chars: CharIndices<'a>,
    line: u64,
    column: u64,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { chars: text.char_indices(), line: 1, column: 1 }
    }

    /// The byte of a place that is not before the last one asked for.
    fn advance(&mut self, line: u64, column: u64) -> usize {
        while (self.line, self.column) < (line, column) {
            match self.chars.next() {
                Some((_, '\n')) => (self.line, self.column) = (self.line + 1, 1),
                Some(_) => self.column += 1,
                None => break,
            }
        }
        self.chars.offset()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        split(script).unwrap().into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn semicolons_inside_quotes_and_comments_end_nothing() {
        assert_eq!(
            texts("SELECT ';', \";\", $$;$$, $t$;$t$ /* ; /* ; */ */; SELECT 2"),
            ["SELECT ';', \";\", $$;$$, $t$;$t$", "SELECT 2"]
        );
        assert_eq!(texts("SELECT 1 -- ; not here\n + 1;"), ["SELECT 1 -- ; not here\n + 1"]);
    }

    #[test]
    fn places_count_lines_and_characters() {
        let pieces = split("\u{feff}SELECT 'é';\r\n  SELECT 2").unwrap();
        assert_eq!((pieces[1].line, pieces[1].column, pieces[1].terminated), (2, 3, false));
    }

    #[test]
    fn empty_statements_are_none() {
        assert!(texts(" ; -- nothing\n ;/* */").is_empty());
    }

    #[test]
    fn an_open_quote_has_a_place() {
        let error = split("SELECT 1;\nSELECT 'open").unwrap_err();
        assert_eq!(error.span().unwrap().line(), 2);
    }

    #[test]
    fn complete_means_ended() {
        assert!(is_complete("SELECT 1;"));
        assert!(is_complete("SELECT 1; -- done"));
        assert!(is_complete("  "));
        assert!(!is_complete("SELECT 1"));
        assert!(!is_complete("SELECT ';"));
        assert!(!is_complete("SELECT /* ;"));
        assert!(!is_complete("SELECT 1 -- ;"));
    }
}
