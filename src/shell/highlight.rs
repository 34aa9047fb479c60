//! Colours for what is typed.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::complete::{FUNCTION_LIKE, KEYWORDS};
use super::lexeme::{Lexeme, lex};

const KEYWORD: &str = "\x1b[1;34m";
const FUNCTION: &str = "\x1b[36m";
const TEXT: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[33m";
const PARAMETER: &str = "\x1b[35m";
const COMMENT: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// `text` from byte `from` on, with colours; what stands before it is an earlier line that decides what this one means.
pub(super) fn highlight(text: &str, from: usize) -> String {
    if text.trim_start().starts_with(['.', '\\']) {
        return command(&text[from..]);
    }
    let lexed = lex(text);
    let mut painter = Painter { text, at: from, out: String::with_capacity(text.len() * 2) };
    for (at, lexeme) in lexed.lexemes.iter().enumerate() {
        if let Some(style) = style(lexeme, lexed.lexemes.get(at + 1)) {
            painter.paint(lexeme.range.start, lexeme.range.end, style);
        }
    }
    if let Some(open) = lexed.open {
        let style = if text[open..].starts_with('/') { COMMENT } else { TEXT };
        painter.paint(open, text.len(), style);
    }
    painter.finish()
}

fn style(lexeme: &Lexeme, next: Option<&Lexeme>) -> Option<&'static str> {
    let called = next.is_some_and(|next| next.token == Token::LParen);
    match &lexeme.token {
        Token::Word(word) if word.quote_style.is_none() => {
            let upper = word.value.to_uppercase();
            let keyword = KEYWORDS.binary_search(&upper.as_str()).is_ok();
            match (keyword, called) {
                (true, true) if FUNCTION_LIKE.contains(&upper.as_str()) => Some(FUNCTION),
                (true, _) => Some(KEYWORD),
                (false, true) => Some(FUNCTION),
                (false, false) => None,
            }
        }
        Token::Number(..) => Some(NUMBER),
        Token::Placeholder(_) => Some(PARAMETER),
        Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::UnicodeStringLiteral(_) => Some(TEXT),
        _ if lexeme.is_comment() => Some(COMMENT),
        _ => None,
    }
}

/// The name of a command in the colour of keywords.
fn command(line: &str) -> String {
    let begin = line.len() - line.trim_start().len();
    let end = line[begin..].find(char::is_whitespace).map_or(line.len(), |at| begin + at);
    format!("{}{KEYWORD}{}{RESET}{}", &line[..begin], &line[begin..end], &line[end..])
}

/// Copies text, with styles around parts of it that come in rising order.
struct Painter<'a> {
    text: &'a str,
    at: usize,
    out: String,
}

impl Painter<'_> {
    fn paint(&mut self, start: usize, end: usize, style: &str) {
        if end <= self.at {
            return;
        }
        let start = start.max(self.at);
        self.out.push_str(&self.text[self.at..start]);
        self.out.extend([style, &self.text[start..end], RESET]);
        self.at = end;
    }

    fn finish(mut self) -> String {
        self.out.push_str(&self.text[self.at..]);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The coloured text with readable marks: `<k:SELECT>`.
    fn marked(text: &str, from: usize) -> String {
        let styles = [(KEYWORD, "k"), (FUNCTION, "f"), (TEXT, "t"), (NUMBER, "n"), (PARAMETER, "p"), (COMMENT, "c")];
        let marked =
            styles.iter().fold(highlight(text, from), |out, (code, name)| out.replace(code, &format!("<{name}:")));
        marked.replace(RESET, ">")
    }

    #[test]
    fn keywords_are_sorted_for_the_search() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn each_kind_has_its_colour() {
        assert_eq!(
            marked("select count(*), \"from\", left(x, 1.5) from t where y = 'é' and z > $z -- why", 0),
            "<k:select> <f:count>(*), \"from\", <f:left>(x, <n:1.5>) <k:from> t <k:where> y = <t:'é'> <k:and> z > <p:$z> \
             <c:-- why>"
        );
    }

    #[test]
    fn open_quotes_and_comments_are_coloured_to_the_end() {
        assert_eq!(marked("SELECT 'it is", 0), "<k:SELECT> <t:'it is>");
        assert_eq!(marked("SELECT /* from", 0), "<k:SELECT> <c:/* from>");
    }

    #[test]
    fn a_line_goes_on_where_the_one_before_ended() {
        let text = "SELECT 'one\ntwo' FROM t";
        assert_eq!(marked(text, 12), "<t:two'> <k:FROM> t");
    }

    #[test]
    fn commands_are_one_word() {
        assert_eq!(marked(".read from.sql", 0), "<k:.read> from.sql");
    }
}
