//! What a finished run of scripts tells: the file of `--report`.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::{Figures, OperatorReport};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::resident;

/// The report of a run, as `--report FILE.json` writes it. Bytes and seconds throughout.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::script::{Runner, Script, Settings};
/// let mut runner = Runner::new(partita::Context::builder().build()?, Settings::default());
/// runner.run(&[Script::new("CREATE TABLE t AS SELECT 1 AS a")]).await;
/// assert_eq!(runner.report().statements()[0].line, 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    version: &'static str,
    memory_limit: u64,
    threads: usize,
    peak_resident: u64,
    statements: Vec<StatementReport>,
}

/// What one statement did.
///
/// ```
/// # use partita::StatementReport;
/// let statement = StatementReport {
///     file: None, line: 1, sql: "SELECT 1".into(), rows: Some(1), seconds: 0.01,
///     peak_reserved: 0, spilled_bytes: 0, function_failures: 0, operators: Vec::new(), error: None,
/// };
/// assert_eq!(statement.rows, Some(1));
/// ```
#[derive(Debug, Clone, Serialize)]
pub struct StatementReport {
    /// The script's file name; none for `--command`.
    pub file: Option<String>,
    /// The line of the statement's first word, counted from 1.
    pub line: u64,
    /// The statement's text.
    pub sql: String,
    /// Rows that came out or were written; none after an error.
    pub rows: Option<u64>,
    /// From the first look at the statement to its last row, in seconds.
    pub seconds: f64,
    /// The most bytes that operators held together.
    pub peak_reserved: u64,
    /// Bytes written to spill files.
    pub spilled_bytes: u64,
    /// Rows that row functions failed on and that became NULL.
    pub function_failures: u64,
    /// The operators of the query, from the last to the first, with what each did.
    pub operators: Vec<OperatorReport>,
    /// What went wrong, with its place.
    pub error: Option<String>,
}

impl StatementReport {
    /// Fills in what the query told at its end.
    pub(crate) fn finished(mut self, figures: &Figures, operators: &[OperatorReport]) -> Self {
        self.rows = Some(figures.rows);
        self.peak_reserved = figures.peak_reserved;
        self.spilled_bytes = figures.spilled_bytes;
        self.function_failures = figures.function_failures;
        self.operators = operators.to_vec();
        self
    }
}

impl Report {
    /// An empty report on `context`.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// let report = partita::Report::new(&ctx);
    /// assert!(report.statements().is_empty());
    /// # Ok(()) }
    /// ```
    pub fn new(context: &Context) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            memory_limit: context.memory_limit().bytes(),
            threads: context.threads(),
            peak_resident: 0,
            statements: Vec::new(),
        }
    }

    /// Adds a statement.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # use partita::StatementReport;
    /// # let ctx = partita::Context::builder().build()?;
    /// # let statement = StatementReport {
    /// #     file: None, line: 1, sql: "SELECT 1".into(), rows: Some(1), seconds: 0.01,
    /// #     peak_reserved: 0, spilled_bytes: 0, function_failures: 0, operators: Vec::new(), error: None,
    /// # };
    /// let mut report = partita::Report::new(&ctx);
    /// report.push(statement);
    /// assert_eq!(report.statements().len(), 1);
    /// # Ok(()) }
    /// ```
    pub fn push(&mut self, statement: StatementReport) {
        self.statements.push(statement);
    }

    /// The statements so far, in the order they ran.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # use partita::StatementReport;
    /// # let ctx = partita::Context::builder().build()?;
    /// # let statement = StatementReport {
    /// #     file: None, line: 1, sql: "SELECT 1".into(), rows: Some(1), seconds: 0.01,
    /// #     peak_reserved: 0, spilled_bytes: 0, function_failures: 0, operators: Vec::new(), error: None,
    /// # };
    /// # let mut report = partita::Report::new(&ctx);
    /// # report.push(statement);
    /// let failed = report.statements().iter().filter(|statement| statement.error.is_some()).count();
    /// assert_eq!(failed, 0);
    /// # Ok(()) }
    /// ```
    pub fn statements(&self) -> &[StatementReport] {
        &self.statements
    }

    /// Writes the report as JSON, with the peak resident size of the process until now.
    ///
    /// Errors: a file that cannot be written.
    ///
    /// ```
    /// # fn main() -> partita::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("report.json");
    /// let ctx = partita::Context::builder().threads(2).build()?;
    /// partita::Report::new(&ctx).write(&path)?;
    /// let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path)?).unwrap();
    /// assert_eq!(report["threads"], 2);
    /// # Ok(()) }
    /// ```
    pub fn write(&mut self, path: &Path) -> Result<()> {
        self.peak_resident = resident::peak();
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::internal(error.to_string()))?;
        write_atomically(path, &text).map_err(|error| Error::io(format!("cannot write '{}'", path.display()), error))
    }
}

/// Under a temporary name first: whoever waits for the report never sees half of it.
fn write_atomically(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{text}")?;
    file.persist(path)?;
    Ok(())
}
