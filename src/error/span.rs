//! Places in SQL text.

use std::fmt;
use std::sync::Arc;

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
