//! A session: read, run, print, until its user leaves.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::commands::{self, Action, Desk};
use super::complete::Names;
use super::editor::{Editor, Input};
use super::folders;
use super::interrupt::{Ended, Workers};
use super::pager::{Pager, Screen};
use super::progress::Progress;
use super::runner::{Output, Runner, Setting};
use super::terminal;
use crate::error::{Error, Result};

/// How a shell starts.
///
/// ```
/// use partita::shell::{ShellOptions, init_file};
/// let options = ShellOptions { init: init_file() };
/// assert!(ShellOptions::default().init.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct ShellOptions {
    /// Statements that run first; [`init_file`](super::init_file) tells the usual place.
    pub init: Option<PathBuf>,
}

/// Runs a shell on the terminal until its user leaves; gives the exit code of the process.
///
/// Blocks the thread it is called on, which must not be one of a runtime. Errors of statements are shown and the shell
/// goes on; only a terminal that cannot be read ends it, with 1.
///
/// ```no_run
/// # fn main() -> partita::Result<()> {
/// use partita::{Context, script, shell};
/// let mut workers = shell::Workers::new(4)?;
/// let runner = script::Runner::new(Context::builder().build()?, script::Settings::default());
/// let code = shell::run(Box::new(runner), &mut workers, &shell::ShellOptions::default());
/// std::process::exit(code);
/// # Ok(()) }
/// ```
pub fn run(runner: Box<dyn Runner>, workers: &mut Workers, options: &ShellOptions) -> i32 {
    let ended = Session::start(runner, workers).and_then(|mut session| {
        session.welcome(options);
        session.serve()
    });
    match ended {
        Ok(()) => 0,
        Err(error) => {
            show(&error);
            1
        }
    }
}

struct Session<'w> {
    runner: Box<dyn Runner>,
    workers: &'w mut Workers,
    editor: Editor,
    pager: Pager,
    /// The file that `.output` named.
    output: Option<File>,
    /// The file that `.once` named.
    once: Option<PathBuf>,
    last: Option<String>,
}

/// Statements to run.
enum Job {
    Text(String),
    File(PathBuf),
    /// The plan of a statement, drawn into a file, after a run of it where asked for.
    Plan {
        text: String,
        file: PathBuf,
        analyze: bool,
    },
}

impl Job {
    async fn run(&self, runner: &mut dyn Runner) -> Result<()> {
        match self {
            Job::Text(text) => runner.run_text(text).await,
            Job::File(path) => runner.run_file(path).await,
            Job::Plan { text, file, analyze } => {
                let frame = runner.context().sql(text).await?;
                match analyze {
                    true => frame.explain_analyze().await?.visualize(file),
                    false => frame.visualize(file).await,
                }
            }
        }
    }
}

impl<'w> Session<'w> {
    fn start(runner: Box<dyn Runner>, workers: &'w mut Workers) -> Result<Self> {
        let (editor, history) = Editor::new(folders::history_file())?;
        if let Err(error) = history {
            show(&error);
        }
        Ok(Self { runner, workers, editor, pager: Pager::Default, output: None, once: None, last: None })
    }

    fn welcome(&mut self, options: &ShellOptions) {
        let limit = self.runner.context().memory_limit();
        println!("Partita {}, memory limit {limit}. Type .help for help.", env!("CARGO_PKG_VERSION"));
        if let Some(init) = &options.init
            && let Err(error) = self.execute(Job::File(init.clone()))
        {
            show(&error);
        }
    }

    fn serve(&mut self) -> Result<()> {
        self.editor.set_names(Names::of(self.runner.context()));
        loop {
            let served = match self.editor.read()? {
                Input::Nothing => Ok(true),
                Input::End => Ok(false),
                Input::Command(line) => self.command(&line),
                Input::Statement(text) => self.statement(text).map(|()| true),
            };
            match served {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => show(&error),
            }
        }
    }

    fn statement(&mut self, text: String) -> Result<()> {
        self.remember(&text);
        self.last = Some(text.clone());
        self.execute(Job::Text(text))
    }

    /// Whether the session goes on.
    fn command(&mut self, line: &str) -> Result<bool> {
        self.remember(line);
        let mut screen = Screen::new(self.pager.clone(), self.progress());
        let mut desk = Desk { runner: &mut *self.runner, out: &mut screen, last: self.last.as_deref() };
        let action = commands::execute(line, &mut desk);
        screen.finish()?;
        self.act(action?)
    }

    fn act(&mut self, action: Action) -> Result<bool> {
        match action {
            Action::Done => {}
            Action::Quit => return Ok(false),
            Action::Run(text) => self.execute(Job::Text(text))?,
            Action::Read(path) => self.execute(Job::File(path))?,
            Action::Again(format) => self.again(format)?,
            Action::Watch(pause) => self.watch(pause)?,
            Action::Output(path) => self.output = path.as_deref().map(create).transpose()?,
            Action::Once(path) => self.once = Some(path),
            Action::Pager(pager) => self.pager = pager,
            Action::Plan { file, analyze } => {
                let Some(text) = self.last.clone() else { return Ok(true) };
                self.execute(Job::Plan { text, file, analyze })?;
            }
        }
        Ok(true)
    }

    /// Runs the last statement again, in another format this one time.
    fn again(&mut self, format: Option<String>) -> Result<()> {
        let Some(text) = self.last.clone() else { return Ok(()) };
        let Some(format) = format else { return self.execute(Job::Text(text)) };
        let before = self.runner.setting(Setting::Format);
        self.runner.set(Setting::Format, &format)?;
        let ended = self.execute(Job::Text(text));
        self.runner.set(Setting::Format, &before)?;
        ended
    }

    fn watch(&mut self, pause: Duration) -> Result<()> {
        let Some(text) = self.last.clone() else { return Ok(()) };
        loop {
            self.execute(Job::Text(text.clone()))?;
            if !self.workers.wait(pause) {
                return Ok(());
            }
        }
    }

    /// Runs statements on the workers, with progress on stderr and Ctrl-C to end them.
    fn execute(&mut self, job: Job) -> Result<()> {
        let progress = self.progress();
        let screen = Screen::new(self.pager.clone(), progress.clone());
        self.direct(screen.clone())?;
        let watch = self.runner.watch();
        let spare = self.runner.fork();
        let mut runner = std::mem::replace(&mut self.runner, spare);
        let work = async move {
            let result = job.run(&mut *runner).await;
            (runner, result)
        };
        let cancelling = || {
            watch.cancel();
            progress.mute();
            eprintln!("cancelling… (Ctrl-C again not to wait)");
        };
        let ended = self.workers.run(work, || progress.draw(), cancelling);
        watch.done();
        progress.mute();
        self.settle(ended?, &screen)
    }

    /// What is left to do when a statement has ended: its runner comes back, its rows are written to the end.
    fn settle(&mut self, ended: Ended<(Box<dyn Runner>, Result<()>)>, screen: &Screen) -> Result<()> {
        let result = match ended {
            Ended::Finished((runner, result)) => {
                self.runner = runner;
                result
            }
            Ended::Cancelled => {
                screen.discard();
                Err(Error::cancelled())
            }
            Ended::Panicked(message) => Err(Error::internal(format!("the statement broke down: {message}"))),
        };
        let left = screen.finish()?;
        self.editor.set_names(Names::of(self.runner.context()));
        // Whoever leaves the pager before the end wants no more rows, and no word about the pipe.
        if left { Ok(()) } else { result }
    }

    /// Tells the runner where its next rows go.
    fn direct(&mut self, screen: Screen) -> Result<()> {
        let terminal = terminal::stdout_is_terminal();
        let output = match (self.once.take(), &self.output) {
            (Some(path), _) => Output::File(path),
            (None, Some(file)) => Output::Text { writer: Box::new(file.try_clone()?), terminal: false },
            (None, None) => Output::Text { writer: Box::new(screen), terminal },
        };
        self.runner.set_output(output);
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress::new(self.runner.watch(), self.runner.context().memory_limit())
    }

    fn remember(&mut self, entry: &str) {
        if let Err(error) = self.editor.remember(entry) {
            show(&error);
        }
    }
}

fn create(path: &Path) -> Result<File> {
    File::create(path).map_err(|error| Error::io(format!("cannot write '{}'", path.display()), error))
}

/// Shows an error on stderr, its first word in red where there are colours.
fn show(error: &Error) {
    let (red, reset) = if terminal::stderr_has_colours() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    let label = if error.is_cancelled() { String::new() } else { format!("{red}error:{reset} ") };
    // With stderr closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "{label}{}", error.report());
}
