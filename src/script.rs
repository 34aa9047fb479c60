//! The runner of `.sql` text: statement by statement, rows to where they belong, errors with their place.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use datafusion::common::runtime::SpawnedTask;
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::report::{Figures, OperatorReport, Report, Run, StatementReport, Watch};
use crate::sink::{self, Format, Sink, Style};
use crate::sql::{self, Piece};

/// A named piece of SQL text: a file, a command, standard input.
///
/// ```
/// use partita::script::Script;
/// let script = Script { name: Some("late.sql".into()), text: "SELECT 1".into() };
/// assert_eq!(script.name.as_deref(), Some("late.sql"));
/// ```
#[derive(Debug, Clone)]
pub struct Script {
    /// What errors call it; none for text without a name.
    pub name: Option<String>,
    /// The SQL text.
    pub text: String,
}

impl Script {
    /// Text without a name.
    ///
    /// ```
    /// let script = partita::script::Script::new("SELECT 1; SELECT 2");
    /// assert!(script.name.is_none());
    /// ```
    pub fn new(text: impl Into<String>) -> Self {
        Self { name: None, text: text.into() }
    }

    /// The text of a file; `-` is standard input.
    ///
    /// Errors: a file that cannot be read or is not UTF-8.
    ///
    /// ```
    /// use partita::script::Script;
    /// let script = Script::read(std::path::Path::new("queries/quickstart.sql"))?;
    /// assert_eq!(script.name.as_deref(), Some("queries/quickstart.sql"));
    /// # Ok::<_, partita::Error>(())
    /// ```
    pub fn read(path: &Path) -> Result<Self> {
        let text = match path.to_str() {
            Some("-") => io::read_to_string(io::stdin()),
            _ => std::fs::read_to_string(path),
        };
        let text = text.map_err(|error| Error::io(format!("cannot read '{}'", path.display()), error))?;
        Ok(Self { name: Some(path.display().to_string()), text })
    }

    fn pieces(&self) -> Result<Vec<Piece<'_>>> {
        sql::split(&self.text).map_err(|error| self.placed(error))
    }

    /// The error with the script's name and the line it stands in.
    fn placed(&self, error: Error) -> Error {
        error.of_text(self.name.as_deref(), &self.text)
    }
}

/// What happens after a statement failed.
///
/// ```
/// # use partita::prelude::*;
/// # use partita::script::{Runner, Script, Settings};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// use partita::script::OnError;
/// let mut runner = Runner::new(ctx, Settings { on_error: OnError::Continue, ..Settings::default() });
/// assert!(!runner.run(&[Script::new("SELECT nothing; SELECT 1")]).await);
/// assert_eq!(runner.report().statements().len(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Nothing more runs.
    #[default]
    Stop,
    /// The next statement runs.
    Continue,
}

/// How statements run and what is shown of them.
///
/// ```
/// use partita::script::Settings;
/// use partita::sink::Format;
/// let settings = Settings { format: Format::Csv, timing: true, ..Settings::default() };
/// assert!(!settings.echo && settings.output.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The format of rows.
    pub format: Format,
    /// How the table format looks.
    pub style: Style,
    /// Whether the time of each statement is told.
    pub timing: bool,
    /// Whether each statement is shown before it runs.
    pub echo: bool,
    /// Whether statements that write tell how many rows.
    pub counts: bool,
    /// Whether statements are planned only; definitions take effect all the same.
    pub check: bool,
    /// What happens after an error.
    pub on_error: OnError,
    /// The file for the rows of the last query, its format by extension.
    pub output: Option<PathBuf>,
}

/// Makes the sink of the next result: standard output, a file, a pager, a test's buffer.
pub type OpenSink = Box<dyn FnMut(&Settings) -> Result<Box<dyn Sink>> + Send>;

/// Runs scripts in a context. Rows go to sinks, everything else (errors, times, echoed statements) to `notes`.
///
/// Statements are not transactions: what ran before an error stays done.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::script::{Runner, Script, Settings};
/// let mut runner = Runner::new(partita::Context::builder().build()?, Settings::default());
/// assert!(runner.run(&[Script::new("CREATE TABLE t AS SELECT 1 AS a; SELECT * FROM t")]).await);
/// assert_eq!(runner.report().statements().len(), 2);
/// # Ok(()) }
/// ```
pub struct Runner {
    context: Context,
    /// How statements run from now on.
    pub settings: Settings,
    rows: OpenSink,
    notes: Box<dyn Write + Send>,
    report: Report,
    watch: Watch,
}

impl Runner {
    /// A runner that writes rows to standard output and notes to standard error.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut runner = Runner::new(ctx, Settings::default());
    /// assert!(runner.run(&[Script::new("SELECT 1 AS one")]).await);
    /// # Ok(()) }
    /// ```
    pub fn new(context: Context, settings: Settings) -> Self {
        let report = Report::new(&context);
        let rows: OpenSink =
            Box::new(|settings| Ok(sink::to_writer(settings.format, &settings.style, Box::new(io::stdout()))));
        Self { context, settings, rows, notes: Box::new(io::stderr()), report, watch: Watch::default() }
    }

    /// Sends the rows of later queries elsewhere.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # use partita::sink::to_file;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("one.csv");
    /// # let mut runner = Runner::new(ctx, Settings::default());
    /// let file = path.clone();
    /// runner.set_rows(Box::new(move |_| to_file(&file)));
    /// runner.run_until_error(&Script::new("SELECT 1 AS one")).await?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "one\n1\n");
    /// # Ok(()) }
    /// ```
    pub fn set_rows(&mut self, rows: OpenSink) {
        self.rows = rows;
    }

    /// Sends later notes elsewhere.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut runner = Runner::new(ctx, Settings::default());
    /// runner.set_notes(Box::new(std::io::sink()));
    /// assert!(!runner.run(&[Script::new("SELECT nothing")]).await); // and nothing is told
    /// # Ok(()) }
    /// ```
    pub fn set_notes(&mut self, notes: Box<dyn Write + Send>) {
        self.notes = notes;
    }

    /// A runner in the same context, with the same settings, that the same watch looks at; its report is empty.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut runner = Runner::new(ctx, Settings::default());
    /// runner.run_until_error(&Script::new("CREATE TABLE t AS SELECT 1 AS a")).await?;
    /// let mut fork = runner.fork();
    /// assert!(fork.report().statements().is_empty());
    /// fork.run_until_error(&Script::new("SELECT a FROM t")).await?;
    /// # Ok(()) }
    /// ```
    pub fn fork(&self) -> Self {
        let mut fork = Self::new(self.context.clone(), self.settings.clone());
        fork.watch = self.watch.clone();
        fork
    }

    /// The context that statements run in.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut runner = Runner::new(ctx, Settings::default());
    /// runner.run_until_error(&Script::new("CREATE TABLE t AS SELECT 1 AS a")).await?;
    /// assert_eq!(runner.context().table("t").await?.count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What the statements so far did.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut runner = Runner::new(ctx, Settings::default());
    /// runner.run_until_error(&Script::new("SELECT 1; SELECT 2")).await?;
    /// assert_eq!(runner.report().statements()[1].sql, "SELECT 2");
    /// # Ok(()) }
    /// ```
    pub fn report(&mut self) -> &mut Report {
        &mut self.report
    }

    /// A window on the statement that runs, for any thread.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut runner = Runner::new(ctx, Settings::default());
    /// let watch = runner.watch();
    /// runner.run_until_error(&Script::new("SELECT 1")).await?;
    /// assert!(watch.look().is_none()); // nothing runs any more
    /// # Ok(()) }
    /// ```
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Runs the statements of a script until one fails, and gives its error.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut runner = Runner::new(ctx, Settings::default());
    /// let script = Script::new("CREATE TABLE t AS SELECT 1 AS a;\nSELECT b FROM t");
    /// let error = runner.run_until_error(&script).await.unwrap_err();
    /// assert_eq!(error.span().unwrap().line(), 2);
    /// # Ok(()) }
    /// ```
    pub async fn run_until_error(&mut self, script: &Script) -> Result<()> {
        for piece in &script.pieces()? {
            self.run_piece(script, piece, None).await?;
        }
        Ok(())
    }

    /// Runs scripts in order; whether all their statements succeeded. Errors are told in the notes and the report.
    ///
    /// Dropping the future ends the running query.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use partita::script::{Runner, Script, Settings};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut runner = Runner::new(ctx, Settings::default());
    /// let scripts = [Script::new("CREATE TABLE t AS SELECT 1 AS a"), Script::new("SELECT a FROM t")];
    /// assert!(runner.run(&scripts).await);
    /// # Ok(()) }
    /// ```
    pub async fn run(&mut self, scripts: &[Script]) -> bool {
        let last_query = self.settings.output.as_ref().and_then(|_| last_query(scripts));
        let mut good = true;
        for (number, script) in scripts.iter().enumerate() {
            let output = last_query.filter(|(of, _)| *of == number).map(|(_, piece)| piece);
            good &= self.run_script(script, output).await;
            if !good && self.settings.on_error == OnError::Stop {
                break;
            }
        }
        good
    }

    async fn run_script(&mut self, script: &Script, output: Option<usize>) -> bool {
        let pieces = match script.pieces() {
            Ok(pieces) => pieces,
            Err(error) => {
                self.tell(&error);
                return false;
            }
        };
        let mut good = true;
        for (number, piece) in pieces.iter().enumerate() {
            let file = self.settings.output.clone().filter(|_| output == Some(number));
            if let Err(error) = self.run_piece(script, piece, file).await {
                // Whoever read our rows has left: there is nobody to tell.
                if sink::is_broken_pipe(&error) {
                    return good;
                }
                self.tell(&error);
                good = false;
                if self.settings.on_error == OnError::Stop {
                    break;
                }
            }
        }
        good
    }

    async fn run_piece(&mut self, script: &Script, piece: &Piece<'_>, file: Option<PathBuf>) -> Result<()> {
        if self.settings.echo {
            self.note(&format!("{};", piece.text));
        }
        let started = Instant::now();
        let done = self.execute(piece, file).await.map_err(|error| script.placed(error));
        self.watch.done();
        let elapsed = started.elapsed();
        self.push_report(script, piece, elapsed, &done);
        if self.settings.timing {
            self.note(&format!("time: {:.3} s", elapsed.as_secs_f64()));
        }
        done.map(drop)
    }

    fn push_report(&mut self, script: &Script, piece: &Piece<'_>, elapsed: Duration, done: &Result<Done>) {
        let told = StatementReport {
            file: script.name.clone(),
            line: piece.line,
            sql: piece.text.to_string(),
            rows: None,
            seconds: elapsed.as_secs_f64(),
            peak_reserved: 0,
            spilled_bytes: 0,
            function_failures: 0,
            operators: Vec::new(),
            error: done.as_ref().err().map(ToString::to_string),
        };
        let told = match done {
            Ok(done) => told.finished(&done.figures, &done.operators),
            Err(_) => told,
        };
        self.report.push(told);
    }

    /// Plans one statement, runs it and writes its rows.
    async fn execute(&mut self, piece: &Piece<'_>, file: Option<PathBuf>) -> Result<Done> {
        let at = |error: Error| error.at_if_none(piece.start());
        if self.settings.check {
            return self.context.check(piece).await.map(|()| Done::default()).map_err(at);
        }
        self.watch.planning();
        let frame = self.context.plan(piece).await.map_err(at)?;
        let kind = Kind::of(&frame);
        let sink = match (kind, file) {
            (Kind::Definition, _) => return Ok(Done::default()),
            (Kind::Write, _) => None,
            (Kind::Query, Some(path)) => Some(sink::to_file(&path)?),
            (Kind::Query, None) => Some((self.rows)(&self.settings)?),
        };
        let done = self.drain(&frame, sink).await.map_err(at)?;
        if kind == Kind::Write && self.settings.counts {
            self.note(&format!("{} rows written", done.figures.rows));
        }
        Ok(done)
    }

    /// Runs on a thread of the runtime, so that whoever waits here can be told to stop at any time.
    async fn drain(&mut self, frame: &Frame, sink: Option<Box<dyn Sink>>) -> Result<Done> {
        let run = frame.run().await?;
        let monitor = run.monitor();
        self.watch.running(monitor.clone());
        let drained = match sink {
            Some(sink) => SpawnedTask::spawn(write_rows(run, sink, self.watch.clone())).join().await,
            None => SpawnedTask::spawn(count_written(run)).join().await,
        };
        let written = drained.map_err(|error| Error::internal(format!("the query's task ended: {error}")))??;
        let profile = monitor.profile();
        let figures = profile.figures();
        let figures = Figures { rows: written.unwrap_or(figures.rows), ..figures };
        Ok(Done { figures, operators: profile.operators() })
    }

    fn tell(&mut self, error: &Error) {
        self.note(&format!("error: {}", error.report()));
    }

    /// Notes are best effort: a closed standard error is no reason to stop.
    fn note(&mut self, text: &str) {
        let _ = writeln!(self.notes, "{text}");
    }
}

/// What a statement told at its end.
#[derive(Default)]
struct Done {
    figures: Figures,
    operators: Vec<OperatorReport>,
}

/// What a statement gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Rows for a person.
    Query,
    /// One row that counts the rows it wrote.
    Write,
    /// Nothing: it has taken effect already.
    Definition,
}

impl Kind {
    fn of(frame: &Frame) -> Self {
        match frame.logical_plan() {
            LogicalPlan::Dml(_) | LogicalPlan::Copy(_) => Self::Write,
            plan if plan.schema().fields().is_empty() => Self::Definition,
            _ => Self::Query,
        }
    }
}

/// The script and the statement in it whose rows go to `--output`.
fn last_query(scripts: &[Script]) -> Option<(usize, usize)> {
    scripts.iter().enumerate().rev().find_map(|(script, text)| {
        let pieces = sql::split(&text.text).ok()?;
        Some((script, pieces.iter().rposition(sql::is_query)?))
    })
}

async fn write_rows(mut run: Run, mut sink: Box<dyn Sink>, watch: Watch) -> Result<Option<u64>> {
    sink.begin(&run.schema())?;
    while let Some(batch) = run.next().await {
        sink.write(&batch?)?;
    }
    watch.writing();
    sink.finish()?;
    Ok(None)
}

/// A statement that writes gives one row with the number of rows written.
async fn count_written(mut run: Run) -> Result<Option<u64>> {
    let mut rows = 0;
    while let Some(batch) = run.next().await {
        rows += sql::written(&batch?);
    }
    Ok(Some(rows))
}
