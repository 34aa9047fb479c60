//! One opaque error for the whole crate: what happened, where, and what to do.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::error::DataFusionError as Engine;

/// The result of a Partita call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A place in SQL text: file, line and column, both counted from 1, columns in characters.
///
/// ```
/// use partita::Span;
/// let span = Span::new(3, 14).in_file("late.sql");
/// assert_eq!(span.to_string(), "late.sql:3:14");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    file: Option<Arc<str>>,
    line: u64,
    column: u64,
    width: usize,
    excerpt: Option<Arc<str>>,
}

impl Span {
    /// The place at `line` and `column`, in a text without a name.
    ///
    /// ```
    /// let span = partita::Span::new(2, 8);
    /// assert_eq!((span.line(), span.column(), span.file()), (2, 8, None));
    /// ```
    pub fn new(line: u64, column: u64) -> Self {
        Self { file: None, line, column, width: 1, excerpt: None }
    }

    /// The same place in a named file.
    ///
    /// ```
    /// let span = partita::Span::new(3, 14).in_file("late.sql");
    /// assert_eq!(span.file(), Some("late.sql"));
    /// ```
    pub fn in_file(mut self, file: impl Into<Arc<str>>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same place, `width` characters wide, with the whole source line it stands in.
    ///
    /// ```
    /// let span = partita::Span::new(2, 8).with_excerpt("SELECT carier FROM flights", 6);
    /// assert_eq!(span.caret(), "2 | SELECT carier FROM flights\n  |        ^^^^^^");
    /// ```
    pub fn with_excerpt(mut self, line: impl Into<Arc<str>>, width: usize) -> Self {
        self.excerpt = Some(line.into());
        self.width = width.max(1);
        self
    }

    /// The same place, `width` characters wide.
    pub(crate) fn with_width(mut self, width: usize) -> Self {
        self.width = width.max(1);
        self
    }

    /// The same place, in `file`, with the line of `text` that it stands in.
    pub(crate) fn of_text(mut self, file: Option<&str>, text: &str) -> Self {
        self.file = file.map(Arc::from);
        let line = text.trim_start_matches('\u{feff}').split('\n').nth(self.line.saturating_sub(1) as usize);
        self.excerpt = line.map(|line| Arc::from(line.trim_end_matches('\r')));
        self
    }

    /// The file's name, when the text came from one.
    ///
    /// ```
    /// use partita::Span;
    /// assert_eq!(Span::new(1, 1).file(), None);
    /// assert_eq!(Span::new(1, 1).in_file("late.sql").file(), Some("late.sql"));
    /// ```
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line, counted from 1.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let error = ctx.sql("SELECT\n  nothing").await.unwrap_err();
    /// assert_eq!(error.span().unwrap().line(), 2);
    /// # Ok(()) }
    /// ```
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The column in characters, counted from 1.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let error = ctx.sql("SELECT\n  nothing").await.unwrap_err();
    /// assert_eq!(error.span().unwrap().column(), 3);
    /// # Ok(()) }
    /// ```
    pub fn column(&self) -> u64 {
        self.column
    }

    /// The source line with a caret below the place, two lines of text; empty without an excerpt.
    ///
    /// ```
    /// use partita::Span;
    /// assert_eq!(Span::new(1, 8).with_excerpt("SELECT x", 1).caret(), "1 | SELECT x\n  |        ^");
    /// assert_eq!(Span::new(1, 8).caret(), "");
    /// ```
    pub fn caret(&self) -> String {
        let Some(line) = &self.excerpt else { return String::new() };
        let margin = self.line.to_string();
        let blank = " ".repeat(margin.len());
        // Tabs are kept so that the caret stands below its character on any terminal.
        let before: String = line
            .chars()
            .take(self.column.saturating_sub(1) as usize)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let rest = line.chars().count().saturating_sub(self.column.saturating_sub(1) as usize);
        let carets = "^".repeat(self.width.min(rest.max(1)));
        format!("{margin} | {line}\n{blank} | {before}{carets}")
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        write!(f, "{}:{}", self.line, self.column)
    }
}

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

impl From<Engine> for Error {
    /// Classifies the engine's error by its root; one of our own that travelled through the engine comes out as it
    /// went in.
    fn from(error: Engine) -> Self {
        match unwrap_ours(error) {
            Ok(ours) => ours,
            Err(error) => {
                let (kind, message) = describe(error.find_root());
                let ours = Self::new(kind, message);
                if kind == Kind::Spill { ours.with_hint(SPILL_HINT) } else { ours }.with_source(error)
            }
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Engine::External(Box::new(error))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(Kind::Io, error.to_string()).with_source(error)
    }
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Engine::from(error).into()
    }
}

/// Takes our own error back out of the engine's wrappers.
fn unwrap_ours(error: Engine) -> Result<Error, Engine> {
    match error {
        Engine::External(inner) => inner.downcast::<Error>().map(|ours| *ours).map_err(Engine::External),
        Engine::Context(context, inner) => {
            unwrap_ours(*inner).map_err(|inner| Engine::Context(context, Box::new(inner)))
        }
        Engine::ArrowError(inner, trace) => match *inner {
            datafusion::arrow::error::ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
                Ok(ours) => Ok(*ours),
                Err(inner) => match inner.downcast::<Engine>() {
                    Ok(engine) => unwrap_ours(*engine),
                    Err(inner) => Err(Engine::External(inner)),
                },
            },
            inner => Err(Engine::ArrowError(Box::new(inner), trace)),
        },
        Engine::Shared(inner) => find_ours(&inner).map(Error::duplicate).ok_or(Engine::Shared(inner)),
        other => Err(other),
    }
}

/// The first error of ours among the causes. The engine's own search for a root would walk past it to its cause.
fn find_ours(error: &Engine) -> Option<&Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours);
        }
        cause = error.source();
    }
    None
}

impl Error {
    /// A copy without the cause: what every partition that shared one failure reports.
    fn duplicate(&self) -> Self {
        let Inner { kind, message, hint, span, .. } = &*self.0;
        Self(Box::new(Inner {
            kind: *kind,
            message: message.clone(),
            hint: hint.clone(),
            span: span.clone(),
            source: None,
        }))
    }
}

fn describe(root: &Engine) -> (Kind, String) {
    match root {
        Engine::ResourcesExhausted(message) if is_full_disk(message) => (Kind::Spill, message.clone()),
        Engine::ResourcesExhausted(message) => (Kind::Memory, message.clone()),
        Engine::SQL(parser, _) => (Kind::User, parser.to_string()),
        Engine::Plan(message) | Engine::Configuration(message) | Engine::NotImplemented(message) => {
            (Kind::User, message.clone())
        }
        Engine::SchemaError(error, _) => (Kind::User, error.to_string()),
        Engine::Diagnostic(_, inner) => describe(inner),
        Engine::Collection(errors) => match errors.first() {
            Some(first) => describe(first.find_root()),
            None => (Kind::Internal, "no error was told".into()),
        },
        Engine::Execution(message) => (Kind::Data, message.clone()),
        Engine::ArrowError(error, _) => describe_arrow(error),
        Engine::ParquetError(error) => (Kind::Data, error.to_string()),
        Engine::ObjectStore(error) => (Kind::Io, error.to_string()),
        Engine::IoError(error) => describe_io(error),
        Engine::External(error) => (Kind::Data, error.to_string()),
        Engine::ExecutionJoin(error) if error.is_cancelled() => (Kind::Cancelled, "the query was cancelled".into()),
        other => (Kind::Internal, other.strip_backtrace()),
    }
}

fn describe_arrow(error: &datafusion::arrow::error::ArrowError) -> (Kind, String) {
    match error {
        // The engine's own operators write what they spill by way of Arrow.
        datafusion::arrow::error::ArrowError::IoError(_, source) => describe_io(source),
        other => (Kind::Data, other.to_string()),
    }
}

fn describe_io(error: &std::io::Error) -> (Kind, String) {
    let message = error.to_string();
    let kind = if is_full_disk(&message) { Kind::Spill } else { Kind::Io };
    (kind, message)
}

/// Whether the engine's disk manager says that `spill_limit` is reached; it has no error of its own for that.
fn is_full_disk(message: &str) -> bool {
    message.contains("disk space during the spilling")
}

const SPILL_HINT: &str = "raise spill_limit, or put --spill-dir on a larger disk";

#[cfg(test)]
mod tests {
    use super::*;

    /// An operator of the engine that met the limit of the spill folder failed as if a file of the user's were bad,
    /// without a word of what to do: the message came through Arrow.
    #[test]
    fn a_full_spill_folder_is_known_in_every_wrapper() {
        let full = || std::io::Error::other("The used disk space during the spilling process has exceeded 1 MB");
        let arrow = datafusion::arrow::error::ArrowError::from(full());
        let exhausted = Engine::ResourcesExhausted(full().to_string());
        for engine in [Engine::from(arrow), Engine::IoError(full()), exhausted] {
            let error = Error::from(engine);
            assert!(error.is_spill() && error.hint().is_some(), "{error:?}");
        }
        assert!(!Error::from(Engine::IoError(std::io::Error::other("no such file"))).is_spill());
    }

    #[test]
    fn caret_stands_below_the_word() {
        let span = Span::new(2, 8).with_excerpt("SELECT carier FROM flights", 6);
        assert_eq!(span.caret(), "2 | SELECT carier FROM flights\n  |        ^^^^^^");
    }

    /// Under an aggregate that several partitions share, an error of ours with a cause came out as that cause.
    #[test]
    fn our_error_survives_being_shared() {
        let ours = Error::data("line 3: 'x' is no number").with_source(std::io::Error::other("inner"));
        let back = Error::from(Engine::Shared(Arc::new(Engine::from(ours))));
        assert_eq!(back.message(), "line 3: 'x' is no number");
    }

    #[test]
    fn our_error_survives_the_engine() {
        let ours = Error::memory("too little").with_hint("give it more");
        let engine = Engine::Context("while joining".into(), Box::new(ours.into()));
        let back = Error::from(engine);
        assert!(back.is_memory());
        assert_eq!(back.hint(), Some("give it more"));
    }
}
