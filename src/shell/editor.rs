//! The line editor: prompts, keys, colours, completion and history, by rustyline.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Helper};

use super::complete::{Names, complete};
use super::highlight::highlight;
use super::history::{self, HistoryFile};
use crate::error::{Error, Result};
use crate::sql;

/// The prompt of a statement, plain and as it is shown.
const PROMPT: (&str, &str) = ("partita> ", "\x1b[1mpartita>\x1b[0m ");

/// The prompt of its further lines.
const CONTINUED: (&str, &str) = ("      -> ", "\x1b[2m      ->\x1b[0m ");

/// Reads what a person types.
pub(super) struct Editor {
    lines: rustyline::Editor<Assistant, FileHistory>,
    history: HistoryFile,
    /// Lines that came with others, pasted or from the history, and are not looked at yet.
    waiting: VecDeque<String>,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// A line that begins with `.` or `\`.
    Command(String),
    /// One statement or more, with the `;` that ends them.
    Statement(String),
    /// Nothing, or Ctrl-C.
    Nothing,
    /// Ctrl-D.
    End,
}

impl Editor {
    /// An editor with the history of earlier sessions. A history that cannot be read comes back as a warning.
    pub(super) fn new(history: Option<PathBuf>) -> Result<(Self, Result<()>)> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .max_history_size(history::MOST)
            .map_err(failed)?
            .build();
        let mut lines = rustyline::Editor::with_config(config).map_err(failed)?;
        lines.set_helper(Some(Assistant::default()));
        let (history, read) = HistoryFile::open(history, lines.history_mut());
        Ok((Self { lines, history, waiting: VecDeque::new() }, read))
    }

    /// What completion knows from now on.
    pub(super) fn set_names(&mut self, names: Names) {
        if let Some(assistant) = self.lines.helper_mut() {
            assistant.names = names;
        }
    }

    /// Reads lines until they are a command or end a statement.
    ///
    /// Each line is edited by itself, below a prompt of its own; the history gives a statement back as one text of
    /// several lines. Of a text that is pasted each command and statement comes out by itself.
    pub(super) fn read(&mut self) -> Result<Input> {
        let mut text = String::new();
        loop {
            let line = match self.next_line(&text) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => return Ok(Input::Nothing),
                Err(ReadlineError::Eof) => return Ok(Input::End),
                Err(error) => return Err(failed(error)),
            };
            if text.is_empty() && line.trim_start().starts_with(['.', '\\']) {
                return Ok(Input::Command(line.trim().to_string()));
            }
            text.push_str(&line);
            if sql::is_complete(&text) {
                let blank = sql::split(&text).is_ok_and(|pieces| pieces.is_empty());
                return Ok(if blank { Input::Nothing } else { Input::Statement(text.trim_end().to_string()) });
            }
            text.push('\n');
        }
    }

    /// The next line of a statement whose `earlier` lines are known.
    fn next_line(&mut self, earlier: &str) -> Result<String, ReadlineError> {
        if let Some(line) = self.waiting.pop_front() {
            return Ok(line);
        }
        if let Some(assistant) = self.lines.helper_mut() {
            assistant.earlier = earlier.to_string();
        }
        let prompt = if earlier.is_empty() { &PROMPT } else { &CONTINUED };
        self.waiting.extend(self.lines.readline(prompt)?.split('\n').map(str::to_string));
        Ok(self.waiting.pop_front().unwrap_or_default())
    }

    /// Adds a command or a whole statement to the history and its file. Errors: the file cannot be written.
    pub(super) fn remember(&mut self, entry: &str) -> Result<()> {
        self.history.append(entry, self.lines.history_mut())
    }
}

fn failed(error: ReadlineError) -> Error {
    Error::user(format!("the terminal cannot be read: {error}")).with_source(error)
}

/// What rustyline asks while a line is typed.
#[derive(Default)]
struct Assistant {
    names: Names,
    /// The lines of the statement that are entered already, each with its newline.
    earlier: String,
}

impl Helper for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

/// Every line is taken as it is: whether it ends the statement is decided with the lines before it.
impl Validator for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let text = format!("{}{line}", self.earlier);
        let before = self.earlier.len();
        let (start, candidates) = complete(&text, before + cursor, &self.names);
        // A word that began on an earlier line cannot be replaced from here.
        let Some(start) = start.checked_sub(before) else { return Ok((cursor, Vec::new())) };
        let pairs = candidates.into_iter().map(|c| Pair { display: c.display, replacement: c.replacement });
        Ok((start, pairs.collect()))
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(highlight(&format!("{}{line}", self.earlier), self.earlier.len()))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}
