//! Named parameters: `$name` in a statement stands for a typed value.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, TimezoneInfo, TypedString, UnaryOperator, Value, ValueWithSpan, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span as TokenSpan;

use super::statement::Statement;
use crate::error::{Error, Result, Span};
use crate::nearest::nearest;

/// Values by name, for `$name` in statements.
///
/// A value's type is read off its text: whole number, decimal or float, `true` and `false`, `NULL`, a date
/// (`2013-01-31`), a timestamp (`2013-01-31 10:00:00`), and everything else is text. Quotes force text: `'2013'`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// let ctx = partita::Context::builder().build()?;
/// ctx.set_parameter("least", "15")?;
/// let rows = ctx.sql("SELECT count(*) AS n FROM generate_series(1, 20) WHERE value > $least").await?.compute().await?;
/// # assert_eq!(rows[0].num_rows(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Parameters(BTreeMap<String, Expr>);

impl Parameters {
    /// Sets `name` to the value that `text` says.
    ///
    /// Errors: a name that is not a word of letters, digits and `_`.
    ///
    /// ```
    /// let mut parameters = partita::sql::Parameters::default();
    /// parameters.set("day", "2013-01-31")?;
    /// assert!(parameters.set("2nd day", "2013-02-01").is_err());
    /// # Ok::<_, partita::Error>(())
    /// ```
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_numeric()) {
            return Err(Error::user(format!("'{name}' cannot name a parameter"))
                .with_hint("use letters, digits and _, beginning with a letter"));
        }
        self.0.insert(name.to_string(), literal(text));
        Ok(())
    }

    /// Forgets `name`; whether it was set.
    ///
    /// ```
    /// let mut parameters = partita::sql::Parameters::default();
    /// parameters.set("least", "15")?;
    /// assert!(parameters.unset("least"));
    /// assert!(!parameters.unset("least"));
    /// # Ok::<_, partita::Error>(())
    /// ```
    pub fn unset(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Names and values, as SQL literals, in the order of their names.
    ///
    /// ```
    /// let mut parameters = partita::sql::Parameters::default();
    /// parameters.set("day", "2013-01-31")?;
    /// let values: Vec<_> = parameters.iter().collect();
    /// assert_eq!(values, [("day", "DATE '2013-01-31'".to_string())]);
    /// # Ok::<_, partita::Error>(())
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.to_string()))
    }

    /// Puts the values in place of the names. Numbered parameters (`$1`) are left to PREPARE.
    pub(crate) fn bind(&self, statement: &mut Statement) -> Result<()> {
        match statement.visit_mut(&mut Binder { values: &self.0 }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        }
    }
}

struct Binder<'a> {
    values: &'a BTreeMap<String, Expr>,
}

impl VisitorMut for Binder<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Value(ValueWithSpan { value: Value::Placeholder(name), span }) = expr else {
            return ControlFlow::Continue(());
        };
        let Some(name) = name.strip_prefix('$').filter(|name| !name.starts_with(|c: char| c.is_ascii_digit())) else {
            return ControlFlow::Continue(());
        };
        match self.values.get(name) {
            Some(value) => *expr = value.clone(),
            None => return ControlFlow::Break(undefined(name, *span, self.values)),
        }
        ControlFlow::Continue(())
    }
}

fn undefined(name: &str, span: TokenSpan, values: &BTreeMap<String, Expr>) -> Error {
    let hint = match nearest(name, values.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean '${meant}'?"),
        None => format!("give it with --param {name}=VALUE"),
    };
    let place = Span::new(span.start.line, span.start.column).with_width(name.chars().count() + 1);
    Error::user(format!("parameter '${name}' has no value")).with_hint(hint).at(place)
}

/// The typed literal that a value's text says.
fn literal(text: &str) -> Expr {
    let value = |value: Value| Expr::Value(ValueWithSpan { value, span: TokenSpan::empty() });
    let quoted = |text: &str| value(Value::SingleQuotedString(text.replace("''", "'")));
    let typed = |data_type: DataType| {
        let text = ValueWithSpan { value: Value::SingleQuotedString(text.to_string()), span: TokenSpan::empty() };
        Expr::TypedString(TypedString { data_type, value: text, uses_odbc_syntax: false })
    };
    if let Some(inside) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return quoted(inside);
    }
    match text.to_ascii_lowercase().as_str() {
        "null" => return value(Value::Null),
        "true" => return value(Value::Boolean(true)),
        "false" => return value(Value::Boolean(false)),
        _ => {}
    }
    if let Some(positive) = text.strip_prefix('-').filter(|text| is_number(text)) {
        let expr = Box::new(value(Value::Number(positive.to_string(), false)));
        return Expr::UnaryOp { op: UnaryOperator::Minus, expr };
    }
    if is_number(text) {
        return value(Value::Number(text.to_string(), false));
    }
    match shape(text).as_str() {
        "0000-00-00" => typed(DataType::Date),
        stamp if stamp.starts_with("0000-00-00 00:00") || stamp.starts_with("0000-00-00T00:00") => {
            typed(DataType::Timestamp(None, TimezoneInfo::None))
        }
        _ => value(Value::SingleQuotedString(text.to_string())),
    }
}

/// Digits with at most one point and an exponent; `007` is text: its zeros would be lost.
fn is_number(text: &str) -> bool {
    let digits = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let padded = text.len() > 1 && text.starts_with('0') && text[1..].starts_with(|c: char| c.is_ascii_digit());
    digits && !padded && text.ends_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// Every digit as 0: what a date looks like.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_off_the_text() {
        let said = |text: &str| literal(text).to_string();
        assert_eq!(said("15"), "15");
        assert_eq!(said("-1.5e3"), "-1.5e3");
        assert_eq!(said("true"), "true");
        assert_eq!(said("NULL"), "NULL");
        assert_eq!(said("2013-01-31"), "DATE '2013-01-31'");
        assert_eq!(said("2013-01-31 10:00:00"), "TIMESTAMP '2013-01-31 10:00:00'");
        assert_eq!(said("007"), "'007'");
        assert_eq!(said("'15'"), "'15'");
        assert_eq!(said("it's"), "'it''s'");
    }
}
