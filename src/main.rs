//! The command line: arguments → context → shell or script → exit code. The only place that exits.

mod allocator;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};
use partita::script::{OnError, Runner, Script, Settings};
use partita::shell::{self, Ended, ShellOptions, Workers};
use partita::sink::{Format, Style};
use partita::{Context, Error, MemoryLimit, Result};

/// SQL over partitioned data that is larger than memory, inside a memory limit that is kept.
///
/// Without a script: the shell on a terminal, otherwise the script on standard input.
#[derive(Debug, Parser)]
#[command(name = "partita", version)]
struct Arguments {
    /// Scripts to run in order; `-` is standard input
    #[arg(value_name = "SCRIPT.sql")]
    scripts: Vec<PathBuf>,
    /// SQL to run, before any script; repeatable
    #[arg(short, long, value_name = "SQL")]
    command: Vec<String>,
    /// The most memory the process may hold: 512MB, 4GiB, 50%
    #[arg(short, long, value_name = "SIZE")]
    memory_limit: Option<MemoryLimit>,
    /// Threads, by default the cores
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where the private folder for spill files is made
    #[arg(long, value_name = "DIR")]
    spill_dir: Option<PathBuf>,
    /// The most bytes all spill files may take
    #[arg(long, value_name = "SIZE", value_parser = partita::memory::parse_bytes)]
    spill_limit: Option<u64>,
    /// Makes every data file, or folder of files of one format, in DIR a table named by its stem; repeatable
    #[arg(short, long, value_name = "DIR")]
    load: Vec<PathBuf>,
    /// The format of rows
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(Format::ALL.map(Format::name)))]
    format: Option<String>,
    /// Where the rows of the last query go; format by extension: csv tsv json ndjson parquet arrow
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A value for $NAME; repeatable
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    parameter: Vec<String>,
    /// What to do after a statement failed; the exit code is 1 either way
    #[arg(long, value_enum, default_value = "stop")]
    on_error: OnErrorName,
    /// Parse and plan only
    #[arg(long)]
    check: bool,
    /// Show each statement on standard error before it runs
    #[arg(long)]
    echo: bool,
    /// Show the time of each statement on standard error
    #[arg(long)]
    timing: bool,
    /// Write a JSON report of the run
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// A script to run first, in place of the one in the configuration folder
    #[arg(long, value_name = "FILE", conflicts_with = "no_init")]
    init: Option<PathBuf>,
    /// Run no init script
    #[arg(long)]
    no_init: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnErrorName {
    Stop,
    Continue,
}

fn main() -> ExitCode {
    allocator::install();
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", error.report());
            ExitCode::from(if error.is_user() { 2 } else { 1 })
        }
    }
}

/// The exit code.
fn run(arguments: &Arguments) -> Result<u8> {
    let context = context(arguments)?;
    let mut workers = Workers::new(context.threads())?;
    let code = session(arguments, &context, &mut workers);
    // An operator that does not yield must not keep a cancelled program alive, nor its spill files.
    drop(workers);
    context.close();
    code
}

fn session(arguments: &Arguments, context: &Context, workers: &mut Workers) -> Result<u8> {
    load(arguments, context, workers)?;
    let runner = Runner::new(context.clone(), settings(arguments)?);
    let nothing_to_run = arguments.command.is_empty() && arguments.scripts.is_empty();
    if nothing_to_run && io::stdin().is_terminal() {
        let mut runner = runner;
        runner.settings.counts = true;
        let options = ShellOptions { init: init_file(arguments) };
        return Ok(u8::try_from(shell::run(Box::new(runner), workers, &options)).unwrap_or(1));
    }
    run_scripts(arguments, runner, workers)
}

fn load(arguments: &Arguments, context: &Context, workers: &mut Workers) -> Result<()> {
    let (folders, context) = (arguments.load.clone(), context.clone());
    let load = async move {
        for folder in folders {
            partita::load_dir(&context, folder).await?;
        }
        Ok(())
    };
    uninterrupted(workers.run(load, || (), || ())?)?
}

/// Runs the scripts, then writes the report; 1 when a statement failed or was cancelled.
fn run_scripts(arguments: &Arguments, mut runner: Runner, workers: &mut Workers) -> Result<u8> {
    let init = init_file(arguments).as_deref().map(Script::read).transpose()?;
    let scripts = scripts(arguments)?;
    let report = arguments.report.clone();
    let watch = runner.watch();
    let work = async move {
        let ready = match init {
            Some(init) => runner.run(&[init]).await || runner.settings.on_error == OnError::Continue,
            None => true,
        };
        let good = ready && runner.run(&scripts).await;
        if let Some(path) = report {
            runner.report().write(&path)?;
        }
        Ok(good)
    };
    let note = move || {
        watch.cancel();
        let _ = writeln!(io::stderr(), "cancelling…");
    };
    let good: Result<bool> = uninterrupted(workers.run(work, || (), note)?)?;
    Ok(if good? { 0 } else { 1 })
}

fn uninterrupted<T>(ended: Ended<T>) -> Result<T> {
    match ended {
        Ended::Finished(value) => Ok(value),
        Ended::Cancelled => Err(Error::cancelled()),
        Ended::Panicked(message) => Err(Error::internal(format!("the program broke down: {message}"))),
    }
}

fn context(arguments: &Arguments) -> Result<Context> {
    let mut builder = Context::builder();
    if let Some(limit) = arguments.memory_limit {
        builder = builder.memory_limit(limit);
    }
    if let Some(threads) = arguments.threads {
        builder = builder.threads(threads.into());
    }
    if let Some(folder) = &arguments.spill_dir {
        builder = builder.spill_dir(folder);
    }
    if let Some(bytes) = arguments.spill_limit {
        builder = builder.spill_limit(bytes);
    }
    let context = builder.build()?;
    for parameter in &arguments.parameter {
        let (name, value) = parameter.split_once('=').ok_or_else(|| {
            Error::user(format!("'{parameter}' is no parameter")).with_hint("write --param NAME=VALUE")
        })?;
        context.set_parameter(name, value)?;
    }
    Ok(context)
}

/// The commands, then the scripts; standard input when there are neither.
fn scripts(arguments: &Arguments) -> Result<Vec<Script>> {
    let mut scripts: Vec<_> = arguments.command.iter().map(Script::new).collect();
    for path in &arguments.scripts {
        scripts.push(Script::read(path)?);
    }
    if scripts.is_empty() {
        scripts.push(Script::read("-".as_ref())?);
    }
    Ok(scripts)
}

/// What runs before everything else: the file that was named, or the one in the configuration folder if it is there.
fn init_file(arguments: &Arguments) -> Option<PathBuf> {
    if arguments.no_init { None } else { arguments.init.clone().or_else(shell::init_file) }
}

fn settings(arguments: &Arguments) -> Result<Settings> {
    let format = arguments.format.as_deref().map(str::parse).transpose()?;
    let on_error = match arguments.on_error {
        OnErrorName::Stop => OnError::Stop,
        OnErrorName::Continue => OnError::Continue,
    };
    Ok(Settings {
        format: format.unwrap_or_default(),
        style: Style::terminal(),
        timing: arguments.timing,
        echo: arguments.echo,
        counts: false,
        check: arguments.check,
        on_error,
        output: arguments.output.clone(),
    })
}
