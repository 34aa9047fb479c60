//! The script runner as the shell drives it.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::runner::{Output, Runner, Setting};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::report::Watch;
use crate::script::{self, Script};
use crate::sink::{self, Style};

impl Runner for script::Runner {
    fn context(&self) -> &Context {
        self.context()
    }

    fn run_text<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, Result<()>> {
        async move { self.run_until_error(&Script::new(text)).await }.boxed()
    }

    fn run_file<'a>(&'a mut self, path: &'a Path) -> BoxFuture<'a, Result<()>> {
        async move { self.run_until_error(&Script::read(path)?).await }.boxed()
    }

    fn fork(&self) -> Box<dyn Runner> {
        Box::new(self.fork())
    }

    fn set_output(&mut self, output: Output) {
        match output {
            Output::File(path) => self.set_rows(Box::new(move |_| sink::to_file(&path))),
            Output::Text { writer, terminal } => {
                let writer = Shared(Arc::new(Mutex::new(writer)));
                // Notes on a terminal take the way of the rows, which clears the progress line first.
                if terminal {
                    self.set_notes(Box::new(writer.clone()));
                }
                self.set_rows(Box::new(move |settings| {
                    let style = if terminal { settings.style.clone() } else { off_terminal(&settings.style) };
                    Ok(sink::to_writer(settings.format, &style, Box::new(writer.clone())))
                }));
            }
        }
    }

    fn watch(&self) -> Watch {
        self.watch()
    }

    fn setting(&self, setting: Setting) -> String {
        let settings = &self.settings;
        let switch = |on: bool| if on { "on" } else { "off" }.to_string();
        match setting {
            Setting::Format => settings.format.to_string(),
            Setting::Timing => switch(settings.timing),
            Setting::Echo => switch(settings.echo),
            Setting::Expanded => switch(settings.style.expanded),
            Setting::MaxRows if settings.style.max_rows == usize::MAX => "0".to_string(),
            Setting::MaxRows => settings.style.max_rows.to_string(),
            Setting::MaxWidth => settings.style.max_width.unwrap_or(0).to_string(),
        }
    }

    fn set(&mut self, setting: Setting, value: &str) -> Result<()> {
        let style = &mut self.settings.style;
        match setting {
            Setting::Format => self.settings.format = value.parse()?,
            Setting::Timing => self.settings.timing = switch(value)?,
            Setting::Echo => self.settings.echo = switch(value)?,
            Setting::Expanded => style.expanded = switch(value)?,
            Setting::MaxRows => style.max_rows = Some(number(value)?).filter(|rows| *rows > 0).unwrap_or(usize::MAX),
            Setting::MaxWidth => {
                style.max_width = Some(number(value)?).filter(|width| *width > 0).or(Style::terminal().max_width);
            }
        }
        Ok(())
    }

    fn parameters(&self) -> Vec<(String, String)> {
        self.context().parameters().iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    fn set_parameter(&mut self, name: &str, value: &str) -> Result<()> {
        self.context().set_parameter(name, value)
    }

    fn unset_parameter(&mut self, name: &str) -> bool {
        self.context().unset_parameter(name)
    }
}

/// A file is as wide as its rows, and has no colors.
fn off_terminal(style: &Style) -> Style {
    Style { max_width: None, colors: false, ..style.clone() }
}

fn switch(value: &str) -> Result<bool> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Error::user(format!("'{value}' is neither on nor off"))),
    }
}

fn number(value: &str) -> Result<usize> {
    value.parse().map_err(|_| Error::user(format!("'{value}' is no whole number")))
}

/// One writer for the results and notes of several statements.
#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Write + Send>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().flush()
    }
}
