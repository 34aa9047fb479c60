//! The table of commands.

use super::inspect::{functions, help, last, plan, schema, tables, version, watch};
use super::limits::limits;
use super::settings::{
    cd, echo, expanded, format, max_rows, max_width, once, output, pager, param, quit, read, timing,
};
use super::{Action, Desk};
use crate::error::{Error, Result};
use crate::shell::runner::Setting;

/// A command: its names, what it says of itself, and what it does.
pub(in crate::shell) struct Command {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    pub(super) usage: &'static str,
    pub(super) help: &'static str,
    /// What may be completed behind it.
    pub(in crate::shell) arguments: Arguments,
    pub(super) act: fn(&mut Desk<'_>, &[&str]) -> Result<Action>,
}

/// What kind of argument a command takes.
#[derive(Debug, Clone, Copy)]
pub(in crate::shell) enum Arguments {
    None,
    File,
    Table,
    Command,
    Setting(Setting),
    Words(&'static [&'static str]),
}

/// One row of the table.
macro_rules! command {
    ($name:literal $($alias:literal)*, $usage:literal, $help:literal, $arguments:expr, $act:expr) => {
        Command { name: $name, aliases: &[$($alias),*], usage: $usage, help: $help, arguments: $arguments, act: $act }
    };
}

use Arguments::{File, None as Nothing, Setting as Of, Table, Words};

/// Every command, in alphabetical order.
#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!(".cd" "\\cd", "DIR", "go to another folder", File, cd),
    command!(".echo", "on|off", "write each statement before its rows", Of(Setting::Echo), echo),
    command!(".expanded" "\\x", "[on|off|auto]", "a line for each value; auto: where rows are too wide", Of(Setting::Expanded), expanded),
    command!(".format" ".mode", "[NAME]", "how rows are written: table, csv, json, markdown …", Of(Setting::Format), format),
    command!(".functions" "\\df", "[PATTERN]", "functions, all or those like a pattern", Nothing, functions),
    command!(".help" "\\?" "\\h", "[COMMAND]", "this list, or one command of it", Arguments::Command, help),
    command!(".last" "\\g", "[FORMAT]", "run the last statement again, in this format", Of(Setting::Format), last),
    command!(".limits", "", "memory, who holds it, spill files, threads", Nothing, limits),
    command!(".maxrows", "[N]", "how many rows a table shows; 0 shows all", Nothing, max_rows),
    command!(".maxwidth", "[N]", "how wide a table may be; 0 is the screen's width", Nothing, max_width),
    command!(".once", "FILE", "the next result as a file, in the format of its extension", File, once),
    command!(".output" "\\o", "[FILE]", "rows go to a file from now on; or to the screen again", File, output),
    command!(".pager", "on|off|COMMAND", "what shows results longer than the screen", Words(&["on", "off"]), pager),
    command!(".param", "[set NAME VALUE|unset NAME]", "values of $NAME in statements", Words(&["list", "set", "unset"]), param),
    command!(".plan", "[analyze] FILE", "draw the last statement's plan as .svg, .dot or .html; analyze runs it", File, plan),
    command!(".quit" ".exit" "\\q", "", "leave; so does Ctrl-D", Nothing, quit),
    command!(".read" "\\i", "FILE", "run the statements of a file", File, read),
    command!(".schema" "\\d", "[TABLE]", "columns and types of one table, or of all", Table, schema),
    command!(".tables" "\\dt", "[PATTERN]", "tables and views, all or those like a pattern", Table, tables),
    command!(".timing" "\\timing", "[on|off]", "the time each statement took", Of(Setting::Timing), timing),
    command!(".version", "", "the version of Partita", Nothing, version),
    command!(".watch" "\\watch", "[SECONDS]", "run the last statement until Ctrl-C", Nothing, watch),
];

/// The command of this name or alias, as it is typed with its `.` or `\`.
pub(in crate::shell) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name || command.aliases.contains(&name))
}

/// Every name and alias.
pub(in crate::shell) fn spellings() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().flat_map(|command| std::iter::once(command.name).chain(command.aliases.iter().copied()))
}

pub(super) fn unknown(name: &str) -> Error {
    let near = spellings().map(|spelling| (strsim::osa_distance(spelling, name), spelling)).min();
    let hint = match near {
        Some((0..=2, spelling)) => format!("did you mean {spelling}?"),
        _ => "type .help for the list".to_string(),
    };
    Error::user(format!("there is no command {name}")).with_hint(hint)
}
