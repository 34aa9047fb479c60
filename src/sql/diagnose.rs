//! The engine's errors in a person's words: with the place in the script and the nearest name that exists.

use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::split::{Piece, tokens};
use crate::error::{Error, Span};
use crate::nearest::nearest;

/// Turns an error of parsing or planning `piece` into one with a place and, for an unknown name, a hint.
///
/// `tables` are the names that could have been meant.
pub(crate) fn diagnose(error: DataFusionError, piece: &Piece<'_>, tables: &[String]) -> Error {
    let place = error.diagnostic().and_then(|diagnostic| diagnostic.span).map(|span| {
        let width =
            if span.start.line == span.end.line { span.end.column.saturating_sub(span.start.column) } else { 1 };
        Span::new(span.start.line, span.start.column).with_width(width as usize)
    });
    let unknown = unknown_name(error.find_root(), tables);
    let error = Error::from(error);
    if error.span().is_some() {
        return error;
    }
    let (message, spoken) = split_place(error.message());
    let mut told = match &unknown {
        Some(unknown) => Error::user(unknown.message.clone()).with_source(error),
        None => reworded(error, message),
    };
    if let Some(hint) = unknown.as_ref().and_then(|unknown| unknown.hint.clone()) {
        told = told.with_hint(hint);
    }
    let named = unknown.and_then(|unknown| piece.find_word(&unknown.name));
    let cut_short = || told.message().ends_with("found: EOF").then(|| piece.end());
    let place = place.or(spoken).or(named).or_else(cut_short).unwrap_or_else(|| piece.start());
    told.at(place)
}

struct Unknown {
    name: String,
    message: String,
    hint: Option<String>,
}

/// The name that the engine did not find, if that is what went wrong.
fn unknown_name(root: &DataFusionError, tables: &[String]) -> Option<Unknown> {
    match root {
        DataFusionError::Diagnostic(_, inner) => unknown_name(inner.find_root(), tables),
        DataFusionError::Collection(errors) => unknown_name(errors.first()?.find_root(), tables),
        DataFusionError::SchemaError(error, _) => match &**error {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let names: Vec<_> = valid_fields.iter().map(|column| column.name.clone()).collect();
                let hint = nearest(&field.name, names.iter().map(String::as_str))
                    .map(|name| format!("did you mean '{name}'?"))
                    .or_else(|| (!names.is_empty()).then(|| format!("the columns are {}", listed(&names))));
                Some(Unknown { name: field.name.clone(), message: format!("column '{field}' not found"), hint })
            }
            _ => None,
        },
        DataFusionError::Plan(message) => unknown_in_words(message, tables),
        _ => None,
    }
}

fn unknown_in_words(message: &str, tables: &[String]) -> Option<Unknown> {
    if let Some(name) = between(message, "table '", "' not found") {
        let bare = name.rsplit('.').next().unwrap_or(name).to_string();
        let hint = nearest(&bare, tables.iter().map(String::as_str)).map(|table| format!("did you mean '{table}'?"));
        let shown = name.strip_prefix("datafusion.public.").unwrap_or(name);
        let message = format!("table '{shown}' not found");
        return Some(Unknown { name: bare, message, hint });
    }
    let name = between(message, "Invalid function '", "'")?;
    let hint = between(message, "Did you mean '", "'").map(|meant| format!("did you mean '{meant}'?"));
    Some(Unknown { name: name.to_string(), message: format!("function '{name}' not found"), hint })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}

/// At most a dozen names as people list them.
fn listed(names: &[String]) -> String {
    let more = if names.len() > 12 { ", …" } else { "" };
    names.iter().take(12).map(String::as_str).collect::<Vec<_>>().join(", ") + more
}

/// Takes the parser's ` at Line: 3, Column: 7` off its message.
fn split_place(message: &str) -> (String, Option<Span>) {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let place = message.rsplit_once(" at Line: ").and_then(|(before, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        let column = column.split(|c: char| !c.is_ascii_digit()).next()?;
        Some((before.to_string(), Span::new(number(line)?, number(column)?)))
    });
    match place {
        // The parser tells line 0 where a statement ends too early.
        Some((before, span)) if span.line() > 0 => (plain(&before), Some(span)),
        Some((before, _)) => (plain(&before), None),
        None => (plain(message), None),
    }
}

/// Without the name of the layer it came from.
fn plain(message: &str) -> String {
    message.trim_start_matches("sql parser error: ").trim_start_matches("Error during planning: ").to_string()
}

/// The same kind of error with another message.
fn reworded(error: Error, message: String) -> Error {
    if error.message() == message { error } else { error.with_message(message) }
}

impl Piece<'_> {
    /// Where a name stands, quoted or not, in the script.
    fn find_word(&self, name: &str) -> Option<Span> {
        self.find(name, |token| matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(name)))
            .or_else(|| self.find_quoted(name))
    }

    /// Where a text in single quotes stands in the script.
    pub(crate) fn find_quoted(&self, text: &str) -> Option<Span> {
        self.find(text, |token| matches!(token, Token::SingleQuotedString(quoted) if quoted == text))
    }

    fn find(&self, text: &str, is_it: impl Fn(&Token) -> bool) -> Option<Span> {
        let tokens = tokens(self.text).ok()?;
        let found = tokens.iter().find(|token| is_it(&token.token))?;
        Some(self.place(found.span.start).with_width(text.chars().count()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_place_is_taken_off() {
        let (message, span) =
            split_place("sql parser error: Expected: an expression, found: FROM at Line: 2, Column: 8");
        assert_eq!(message, "Expected: an expression, found: FROM");
        assert_eq!(span, Some(Span::new(2, 8)));
    }
}
