//! One opaque error for the whole crate: what happened, where, and what to do.

mod engine;
mod span;

use std::error::Error as StdError;
use std::fmt;

use self::engine::SPILL_HINT;
pub use self::span::Span;

/// The result of a Partita call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Data,
    Memory,
    Spill,
    Io,
    Cancelled,
    Internal,
}

/// What went wrong, with the place in the SQL text where it is known and a hint where there is one.
///
/// The `is_…` predicates tell kinds apart; the text is for people. [`std::error::Error::source`] leads to the
/// engine's own error.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let ctx = partita::Context::builder().build().unwrap();
/// let error = ctx.sql("SELECT nothing_here").await.unwrap_err();
/// assert!(error.is_user());
/// assert_eq!(error.span().unwrap().column(), 8);
/// # }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    hint: Option<String>,
    span: Option<Span>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, span: None, source: None }))
    }

    /// A mistake in what the person asked for: syntax, an unknown name, a wrong option.
    ///
    /// ```
    /// let error = partita::Error::user("there is no table 'flihgts'");
    /// assert!(error.is_user());
    /// ```
    pub fn user(message: impl Into<String>) -> Self {
        Self::new(Kind::User, message)
    }

    /// A value in the data that cannot be read or computed.
    ///
    /// ```
    /// let error = partita::Error::data("line 3: 'x' is no number");
    /// assert!(error.is_data());
    /// ```
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Kind::Data, message)
    }

    /// The memory limit does not suffice.
    ///
    /// ```
    /// let error = partita::Error::memory("a list of all rows does not fit");
    /// assert!(error.is_memory());
    /// ```
    pub fn memory(message: impl Into<String>) -> Self {
        Self::new(Kind::Memory, message)
    }

    /// The spill folder failed or is full.
    ///
    /// ```
    /// let error = partita::Error::spill("the disk is full");
    /// assert!(error.is_spill());
    /// ```
    pub fn spill(message: impl Into<String>) -> Self {
        Self::new(Kind::Spill, message)
    }

    /// Rows of `who` could not be written to the spill folder.
    pub(crate) fn cannot_spill(who: &str, source: std::io::Error) -> Self {
        Self::spill(format!("{who} cannot spill: {source}")).with_hint(SPILL_HINT).with_source(source)
    }

    /// A file or folder could not be read or written.
    ///
    /// ```
    /// let error = partita::Error::io("cannot read 'a.csv'", std::io::Error::other("no such file"));
    /// assert!(error.is_io());
    /// assert_eq!(error.message(), "cannot read 'a.csv': no such file");
    /// ```
    pub fn io(message: impl Into<String>, source: std::io::Error) -> Self {
        Self::new(Kind::Io, format!("{}: {source}", message.into())).with_source(source)
    }

    /// The query was cancelled.
    ///
    /// ```
    /// let error = partita::Error::cancelled();
    /// assert_eq!(error.to_string(), "the query was cancelled");
    /// ```
    pub fn cancelled() -> Self {
        Self::new(Kind::Cancelled, "the query was cancelled")
    }

    /// A defect of Partita or of an engine below it.
    ///
    /// ```
    /// let error = partita::Error::internal("a plan without columns");
    /// assert!(!error.is_user() && !error.is_data());
    /// ```
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// The same error with advice, shown on a line of its own.
    ///
    /// ```
    /// let error = partita::Error::user("no column 'mnth'").with_hint("did you mean 'month'?");
    /// assert_eq!(error.report(), "no column 'mnth'\nhint: did you mean 'month'?");
    /// ```
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error at a place in the SQL text.
    ///
    /// ```
    /// use partita::{Error, Span};
    /// let error = Error::user("no column 'mnth'").at(Span::new(1, 8));
    /// assert_eq!(error.to_string(), "1:8: no column 'mnth'");
    /// ```
    pub fn at(mut self, span: Span) -> Self {
        self.0.span = Some(span);
        self
    }

    /// The same error, at this place when it has none yet.
    pub(crate) fn at_if_none(self, span: Span) -> Self {
        if self.span().is_some() { self } else { self.at(span) }
    }

    /// The same error with its place, if it has one, seen from elsewhere.
    pub(crate) fn map_span(mut self, map: impl FnOnce(Span) -> Span) -> Self {
        self.0.span = self.0.span.map(map);
        self
    }

    /// The same error in other words.
    pub(crate) fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// The same error with its place, if it has one, in `file` and with the line of `text` it stands in.
    pub(crate) fn of_text(self, file: Option<&str>, text: &str) -> Self {
        self.map_span(|span| span.of_text(file, text))
    }

    /// The same error caused by another.
    ///
    /// ```
    /// use std::error::Error;
    /// let cause = "x".parse::<i64>().unwrap_err();
    /// let error = partita::Error::data("'x' is no number").with_source(cause);
    /// assert!(error.source().is_some());
    /// ```
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The message alone, without place and hint.
    ///
    /// ```
    /// use partita::{Error, Span};
    /// let error = Error::user("no column 'mnth'").at(Span::new(1, 8));
    /// assert_eq!(error.message(), "no column 'mnth'");
    /// ```
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Advice, where there is some.
    ///
    /// ```
    /// let error = "tabel".parse::<partita::sink::Format>().unwrap_err();
    /// assert_eq!(error.hint(), Some("did you mean 'table'?"));
    /// ```
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The place in the SQL text, where it is known.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let error = ctx.sql("SELECT nothing").await.unwrap_err();
    /// assert_eq!(error.span().unwrap().to_string(), "1:8");
    /// # Ok(()) }
    /// ```
    pub fn span(&self) -> Option<&Span> {
        self.0.span.as_ref()
    }

    /// Whether the person's own words are at fault: syntax, names, types, options.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let error = ctx.sql("SELECT nothing").await.unwrap_err();
    /// assert!(error.is_user());
    /// # Ok(()) }
    /// ```
    pub fn is_user(&self) -> bool {
        self.0.kind == Kind::User
    }

    /// Whether a value in the data is at fault.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.csv");
    /// std::fs::write(&path, "n\n1\nx\n")?;
    /// let source = Source::csv(&path).option("types", "n BIGINT")?;
    /// let error = ctx.read(source).await?.compute().await.unwrap_err();
    /// assert!(error.is_data());
    /// # Ok(()) }
    /// ```
    pub fn is_data(&self) -> bool {
        self.0.kind == Kind::Data
    }

    /// Whether the memory limit did not suffice.
    ///
    /// ```
    /// let error = partita::Error::memory("a list of all rows does not fit");
    /// assert!(error.is_memory() && !error.is_spill());
    /// ```
    pub fn is_memory(&self) -> bool {
        self.0.kind == Kind::Memory
    }

    /// Whether the spill folder failed or reached its own limit.
    ///
    /// ```
    /// let error = partita::Error::spill("the disk is full");
    /// assert!(error.is_spill() && !error.is_memory());
    /// ```
    pub fn is_spill(&self) -> bool {
        self.0.kind == Kind::Spill
    }

    /// Whether reading or writing a file failed.
    ///
    /// ```
    /// use partita::script::Script;
    /// let error = Script::read(std::path::Path::new("no/such/file.sql")).unwrap_err();
    /// assert!(error.is_io());
    /// ```
    pub fn is_io(&self) -> bool {
        self.0.kind == Kind::Io
    }

    /// Whether the query was cancelled, by Ctrl-C or [`Run::cancel`](crate::Run::cancel).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use futures::TryStreamExt;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut run = ctx.range(0..10)?.run().await?;
    /// run.cancel();
    /// assert!(run.try_next().await.unwrap_err().is_cancelled());
    /// # Ok(()) }
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.0.kind == Kind::Cancelled
    }

    /// The whole report for a person: `place: message`, the source line with a caret, the hint.
    ///
    /// ```
    /// use partita::{Error, Span};
    /// let place = Span::new(1, 8).with_excerpt("SELECT mnth", 4);
    /// let error = Error::user("no column 'mnth'").at(place).with_hint("did you mean 'month'?");
    /// let report = "1:8: no column 'mnth'\n1 | SELECT mnth\n  |        ^^^^\nhint: did you mean 'month'?";
    /// assert_eq!(error.report(), report);
    /// ```
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        if let Some(caret) = self.span().map(Span::caret).filter(|caret| !caret.is_empty()) {
            text = format!("{text}\n{caret}");
        }
        if let Some(hint) = self.hint() {
            text = format!("{text}\nhint: {hint}");
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.0.span {
            write!(f, "{span}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests;
