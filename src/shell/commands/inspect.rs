//! Commands that look: at the catalog, the commands themselves, the last statement.

use std::path::PathBuf;
use std::time::Duration;

use super::table::{COMMANDS, Command, find, unknown};
use super::{Action, Desk};
use crate::error::{Error, Result};
use crate::report::DrawingFormat;

pub(super) fn tables(_: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    let like = like("table_name", arguments)?;
    Ok(Action::Run(format!(
        "SELECT table_schema AS schema, table_name AS name, table_type AS type FROM information_schema.tables \
         WHERE table_schema <> 'information_schema'{like} ORDER BY 1, 2"
    )))
}

pub(super) fn schema(_: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    match arguments {
        [] => Ok(Action::Run(
            "SELECT table_schema AS schema, table_name AS name, column_name AS column, data_type AS type, \
             is_nullable AS nullable FROM information_schema.columns WHERE table_schema <> 'information_schema' \
             ORDER BY table_schema, table_name, ordinal_position"
                .to_string(),
        )),
        // The name goes into SQL as it is typed: quotes and dots mean there what they mean here.
        [table] => Ok(Action::Run(format!("DESCRIBE {}", as_identifier(table)))),
        _ => Err(Error::user("it takes one table")),
    }
}

/// A name that SQL reads as it stands, or else in quotes: `my table` was quoted once, and the quotes are gone.
fn as_identifier(table: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    if table.chars().all(plain) { table.to_string() } else { format!("\"{}\"", table.replace('"', "\"\"")) }
}

pub(super) fn functions(_: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    let like = like("routine_name", arguments)?;
    Ok(Action::Run(format!(
        "SELECT DISTINCT routine_name AS name, lower(function_type) AS kind, syntax_example AS syntax \
         FROM information_schema.routines WHERE true{like} ORDER BY 1, 2, 3"
    )))
}

/// ` AND column ILIKE 'pattern'`: `*` and `?` as in file names, `%` and `_` as in SQL; a plain word is looked for
/// anywhere in the name.
fn like(column: &str, arguments: &[&str]) -> Result<String> {
    let pattern = match arguments {
        [] => return Ok(String::new()),
        [pattern] => pattern.replace('\'', "''").replace('*', "%").replace('?', "_"),
        _ => return Err(Error::user("it takes one pattern")),
    };
    let pattern = if pattern.contains('%') { pattern } else { format!("%{pattern}%") };
    Ok(format!(" AND {column} ILIKE '{pattern}'"))
}

pub(super) fn help(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    match arguments {
        [] => {
            for command in COMMANDS {
                let aliases = command.aliases.join(" ");
                let head = format!("{} {}", command.name, command.usage);
                writeln!(desk.out, "{head:<34} {aliases:<9} {}", command.help)?;
            }
            writeln!(desk.out, "\nAnything else is SQL, up to a ';'. Ctrl-C ends a query, Ctrl-D the shell.")?;
        }
        [name] => {
            let dotted = format!(".{name}");
            let command = find(name).or_else(|| find(&dotted)).ok_or_else(|| unknown(name))?;
            explain(desk, command)?;
        }
        _ => return Err(Error::user("it takes one command")),
    }
    Ok(Action::Done)
}

fn explain(desk: &mut Desk<'_>, command: &Command) -> Result<()> {
    writeln!(desk.out, "{}", format!("{} {}", command.name, command.usage).trim_end())?;
    writeln!(desk.out, "  {}", command.help)?;
    if !command.aliases.is_empty() {
        writeln!(desk.out, "  also: {}", command.aliases.join(", "))?;
    }
    Ok(())
}

pub(super) fn last(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    require_last(desk)?;
    match arguments {
        [] => Ok(Action::Again(None)),
        [format] => Ok(Action::Again(Some((*format).to_string()))),
        _ => Err(Error::user("it takes one format")),
    }
}

pub(super) fn watch(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    require_last(desk)?;
    let seconds = match arguments {
        [] => Ok(2.0),
        [seconds] => seconds.parse::<f64>(),
        _ => return Err(Error::user("it takes a number of seconds")),
    };
    let pause = seconds.ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    pause.map(Action::Watch).ok_or_else(|| Error::user(format!("'{}' is no number of seconds", arguments.concat())))
}

pub(super) fn plan(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    require_last(desk)?;
    let (analyze, file) = match arguments {
        [word, file] if word.eq_ignore_ascii_case("analyze") => (true, file),
        [file] => (false, file),
        _ => return Err(Error::user("it takes a file")),
    };
    let file = PathBuf::from(file);
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    match DrawingFormat::named(&extension) {
        Some(_) => Ok(Action::Plan { file, analyze }),
        None => Err(Error::user(format!("cannot draw a plan as '{}'", file.display()))
            .with_hint("extensions are .svg, .dot and .html")),
    }
}

fn require_last(desk: &Desk<'_>) -> Result<()> {
    match desk.last {
        Some(_) => Ok(()),
        None => Err(Error::user("no statement has run yet").with_hint("type one, and end it with ';'")),
    }
}

pub(super) fn version(desk: &mut Desk<'_>, _: &[&str]) -> Result<Action> {
    writeln!(desk.out, "Partita {}, DataFusion {}", env!("CARGO_PKG_VERSION"), datafusion::DATAFUSION_VERSION)?;
    Ok(Action::Done)
}
