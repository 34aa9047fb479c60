//! Commands: lines that begin with `.` or `\`. They need no terminal; what does, they ask the session for.

mod inspect;
mod limits;
mod line;
mod settings;
mod table;

pub(super) use table::{Arguments, find, spellings};

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use super::pager::Pager;
use super::runner::Runner;
use crate::error::Result;

/// What a command may use.
pub(super) struct Desk<'a> {
    pub(super) runner: &'a mut dyn Runner,
    /// Takes what the command has to say.
    pub(super) out: &'a mut dyn Write,
    /// The last statement that was run.
    pub(super) last: Option<&'a str>,
}

/// What the session does after a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing more.
    Done,
    /// Runs statements that the command wrote.
    Run(String),
    /// Runs the last statement again, once in another format where one is named.
    Again(Option<String>),
    /// Runs the last statement again and again.
    Watch(Duration),
    /// Runs a file of statements.
    Read(PathBuf),
    /// Rows go to this file, or to the terminal again.
    Output(Option<PathBuf>),
    /// The next result goes to this file.
    Once(PathBuf),
    Pager(Pager),
    /// Draws the plan of the last statement into this file, of a run of its own where asked for.
    Plan {
        file: PathBuf,
        analyze: bool,
    },
    Quit,
}

/// Carries out one line that begins with `.` or `\`.
///
/// Errors: no such command, with the nearest one as a hint; arguments it does not take, with its usage.
pub(super) fn execute(line: &str, desk: &mut Desk<'_>) -> Result<Action> {
    let words = line::words(line)?;
    let (name, arguments) = words.split_first().map_or(("", &[] as &[String]), |(name, rest)| (name.as_str(), rest));
    let command = find(name).ok_or_else(|| table::unknown(name))?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    (command.act)(desk, &arguments).map_err(|error| match error.hint() {
        Some(_) => error,
        None => error.with_hint(format!("usage: {} {}", command.name, command.usage).trim_end().to_string()),
    })
}

#[cfg(test)]
mod tests;
