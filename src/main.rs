//! The command line: arguments → context → shell or script → exit code. The only place that exits.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};
use partita::script::{OnError, Runner, Script, Settings};
use partita::sink::{Format, Style};
use partita::{Context, Error, MemoryLimit, Result};

// Gives freed memory back to the system soon, which a limit on the resident size needs.
#[cfg(not(feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", error.report());
            ExitCode::from(if error.is_user() { 2 } else { 1 })
        }
    }
}

/// Whether everything succeeded.
fn run(arguments: Arguments) -> Result<bool> {
    let context = context(&arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(context.threads())
        .enable_all()
        .build()
        .map_err(|error| Error::io("cannot start threads", error))?;
    let good = runtime.block_on(session(&arguments, &context));
    // An operator that does not yield must not keep a cancelled program alive.
    runtime.shutdown_timeout(Duration::from_millis(500));
    context.close();
    good
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

async fn session(arguments: &Arguments, context: &Context) -> Result<bool> {
    for folder in &arguments.load {
        partita::load_dir(context, folder).await?;
    }
    let mut runner = Runner::new(context.clone(), settings(arguments)?);
    let scripts = scripts(arguments)?;
    let good = tokio::select! {
        good = run_scripts(&mut runner, arguments, &scripts) => good?,
        signal = interrupted() => {
            let _ = writeln!(io::stderr(), "error: {signal}: the query was cancelled");
            false
        }
    };
    if let Some(path) = &arguments.report {
        runner.report().write(path)?;
    }
    Ok(good)
}

async fn run_scripts(runner: &mut Runner, arguments: &Arguments, scripts: &[Script]) -> Result<bool> {
    let good = match init_script(arguments)? {
        Some(init) => runner.run(&[init]).await,
        None => true,
    };
    let stop = !good && runner.settings.on_error == OnError::Stop;
    Ok(!stop && runner.run(scripts).await && good)
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
fn init_script(arguments: &Arguments) -> Result<Option<Script>> {
    if arguments.no_init {
        return Ok(None);
    }
    arguments.init.as_deref().map(Script::read).transpose()
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

/// Waits for Ctrl-C or the system's wish to end; tells which it was.
async fn interrupted() -> &'static str {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut ended) = signal(SignalKind::terminate()) {
            return tokio::select! {
                _ = tokio::signal::ctrl_c() => "interrupted",
                _ = ended.recv() => "terminated",
            };
        }
    }
    let _ = tokio::signal::ctrl_c().await;
    "interrupted"
}
