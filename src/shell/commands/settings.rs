//! Commands that change how statements run and where rows go.

use std::path::PathBuf;

use super::{Action, Desk};
use crate::error::{Error, Result};
use crate::shell::folders::expand_home;
use crate::shell::pager::Pager;
use crate::shell::runner::Setting;

pub(super) fn format(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    set(desk, Setting::Format, arguments)
}

pub(super) fn echo(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    toggle(desk, Setting::Echo, arguments)
}

pub(super) fn timing(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    toggle(desk, Setting::Timing, arguments)
}

pub(super) fn expanded(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    toggle(desk, Setting::Expanded, arguments)
}

pub(super) fn max_rows(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    set(desk, Setting::MaxRows, arguments)
}

pub(super) fn max_width(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    set(desk, Setting::MaxWidth, arguments)
}

/// Without an argument, changes on to off and anything else to on, as psql does.
fn toggle(desk: &mut Desk<'_>, setting: Setting, arguments: &[&str]) -> Result<Action> {
    if !arguments.is_empty() {
        return set(desk, setting, arguments);
    }
    let value = if desk.runner.setting(setting) == "on" { "off" } else { "on" };
    desk.runner.set(setting, value)?;
    set(desk, setting, &[])
}

/// Without an argument, tells the value.
fn set(desk: &mut Desk<'_>, setting: Setting, arguments: &[&str]) -> Result<Action> {
    match arguments {
        [] => writeln!(desk.out, "{}", desk.runner.setting(setting))?,
        [value] => desk.runner.set(setting, value)?,
        _ => return Err(Error::user("too many arguments")),
    }
    Ok(Action::Done)
}

pub(super) fn output(_: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    match arguments {
        [] => Ok(Action::Output(None)),
        [path] => {
            let path = expand_home(path);
            // These hold one result each, whole; text can be appended to.
            if path.extension().is_some_and(|extension| extension == "parquet" || extension == "arrow") {
                let message = format!("'{}' cannot take one result after another", path.display());
                return Err(Error::user(message).with_hint("write one result with .once FILE"));
            }
            Ok(Action::Output(Some(path)))
        }
        _ => Err(Error::user("too many arguments")),
    }
}

pub(super) fn once(_: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    one_file(arguments).map(Action::Once)
}

pub(super) fn read(_: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    one_file(arguments).map(Action::Read)
}

fn one_file(arguments: &[&str]) -> Result<PathBuf> {
    match arguments {
        [path] => Ok(expand_home(path)),
        _ => Err(Error::user("it takes one file")),
    }
}

pub(super) fn cd(_: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    let folder = one_file(arguments)?;
    std::env::set_current_dir(&folder)
        .map_err(|error| Error::io(format!("cannot go to '{}'", folder.display()), error))?;
    Ok(Action::Done)
}

pub(super) fn pager(_: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    match arguments {
        [] => Err(Error::user("which pager?")),
        ["off"] => Ok(Action::Pager(Pager::Off)),
        ["on"] => Ok(Action::Pager(Pager::Default)),
        words => Ok(Action::Pager(Pager::Command(words.join(" ")))),
    }
}

pub(super) fn param(desk: &mut Desk<'_>, arguments: &[&str]) -> Result<Action> {
    match arguments {
        [] | ["list"] => {
            for (name, value) in desk.runner.parameters() {
                writeln!(desk.out, "${name} = {value}")?;
            }
        }
        ["set", name, value] => desk.runner.set_parameter(name.trim_start_matches('$'), value)?,
        ["unset", name] => {
            let name = name.trim_start_matches('$');
            if !desk.runner.unset_parameter(name) {
                return Err(Error::user(format!("there is no parameter ${name}")));
            }
        }
        _ => return Err(Error::user("these arguments say nothing that it knows")),
    }
    Ok(Action::Done)
}

pub(super) fn quit(_: &mut Desk<'_>, _: &[&str]) -> Result<Action> {
    Ok(Action::Quit)
}
