//! What the shell asks of whoever runs its statements.

use std::io::Write;
use std::path::{Path, PathBuf};

use futures::future::BoxFuture;

use crate::context::Context;
use crate::error::Result;
use crate::report::Watch;

/// What a command of the shell can set for the statements that follow.
///
/// ```
/// # fn main() -> partita::Result<()> {
/// # let ctx = partita::Context::builder().build()?;
/// # let mut runner = partita::script::Runner::new(ctx, partita::script::Settings::default());
/// use partita::shell::{Runner, Setting};
/// runner.set(Setting::Timing, "on")?;
/// assert_eq!(runner.setting(Setting::Timing), "on");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setting {
    /// How rows are written: `table`, `csv`, `tsv`, `json`, `ndjson`, `markdown`, `vertical` or `none`.
    Format,
    /// `on` or `off`: the time each statement took.
    Timing,
    /// `on` or `off`: each statement before its rows.
    Echo,
    /// The most rows a table shows; 0 shows all.
    MaxRows,
    /// The most characters a line of a table has; 0 takes the terminal's.
    MaxWidth,
    /// `on` or `off`: a line for each value rather than for each row.
    Expanded,
}

impl Setting {
    /// The values it takes, where they can be listed.
    ///
    /// ```
    /// use partita::shell::Setting;
    /// assert_eq!(Setting::Timing.choices(), ["on", "off"]);
    /// assert!(Setting::MaxRows.choices().is_empty());
    /// ```
    pub fn choices(self) -> &'static [&'static str] {
        match self {
            Setting::Format => &["table", "csv", "tsv", "json", "ndjson", "markdown", "vertical", "none"],
            Setting::Timing | Setting::Echo | Setting::Expanded => &["on", "off"],
            Setting::MaxRows | Setting::MaxWidth => &[],
        }
    }
}

/// Where the rows of the statements that follow go.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("rows.csv");
/// # let ctx = partita::Context::builder().build()?;
/// # let mut runner = partita::script::Runner::new(ctx, partita::script::Settings::default());
/// use partita::shell::{Output, Runner};
/// runner.set_output(Output::File(path.clone()));
/// runner.run_text("SELECT 1 AS a").await?;
/// assert!(path.exists());
/// # Ok(()) }
/// ```
pub enum Output {
    /// Rows as text in the current format; `terminal` says whether a person reads them, on which colours, the width of
    /// the screen and cut tables depend. It is flushed at the end of each result, and not before where rows are many.
    Text {
        /// Takes the text.
        writer: Box<dyn Write + Send>,
        /// Whether it ends on a terminal, by way of a pager or not.
        terminal: bool,
    },
    /// Each result as a file of its own, in the format its extension names, under a temporary name until complete.
    File(PathBuf),
}

/// Runs statements for the shell: the script runner in the binary, a fake in tests.
///
/// A runner moves to another thread for each statement and comes back with it. Where a statement is cancelled its
/// runner is lost, and the shell goes on with a [`fork`](Runner::fork) made before.
///
/// ```
/// # fn main() -> partita::Result<()> {
/// # let ctx = partita::Context::builder().build()?;
/// # use partita::script::{self, Settings};
/// use partita::shell::Runner;
/// let mut runner: Box<dyn Runner> = Box::new(script::Runner::new(ctx, Settings::default()));
/// runner.set_parameter("day", "2024-01-01")?;
/// assert_eq!(runner.parameters()[0].0, "day");
/// assert!(runner.unset_parameter("day"));
/// # Ok(()) }
/// ```
pub trait Runner: Send + 'static {
    /// The engine.
    fn context(&self) -> &Context;

    /// Runs every statement of `text`, one after the other, until one fails; the places in errors are in `text`.
    fn run_text<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Runs every statement of a file; the places in errors name the file.
    fn run_file<'a>(&'a mut self, path: &'a Path) -> BoxFuture<'a, Result<()>>;

    /// Another runner with the same context, settings and parameters; where its rows go is not settled.
    fn fork(&self) -> Box<dyn Runner>;

    /// Where rows go from now on.
    fn set_output(&mut self, output: Output);

    /// The window on the statement that runs, which the runner keeps up to date; the same one for all forks.
    fn watch(&self) -> Watch;

    /// The value of a setting, as [`set`](Runner::set) takes it.
    fn setting(&self, setting: Setting) -> String;

    /// Changes a setting. Errors: a value it does not take.
    fn set(&mut self, setting: Setting, value: &str) -> Result<()>;

    /// Names and values of the parameters, as SQL would write the values.
    fn parameters(&self) -> Vec<(String, String)>;

    /// Binds `$name` to a value, typed by how it is written. Errors: a name that is none.
    fn set_parameter(&mut self, name: &str, value: &str) -> Result<()>;

    /// Forgets a parameter; whether there was one.
    fn unset_parameter(&mut self, name: &str) -> bool;
}
