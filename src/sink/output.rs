//! The writer at the end of every sink of text.

use std::error::Error as _;
use std::io::{self, Write};

use crate::error::{Error, Result};

/// A writer whose failures are errors of ours.
pub(super) struct Output(Box<dyn Write + Send>);

impl Output {
    pub(super) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self(writer)
    }

    pub(super) fn write(&mut self, text: impl AsRef<[u8]>) -> Result<()> {
        self.0.write_all(text.as_ref()).map_err(failed)
    }

    pub(super) fn line(&mut self, text: &str) -> Result<()> {
        self.write(text)?;
        self.write("\n")
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.0.flush().map_err(failed)
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("cannot write the result", error)
}

/// Whether the reader of a pipe went away, as `head` does when it has seen enough: the end of the work, no failure.
///
/// ```
/// use std::io;
/// let gone = partita::Error::io("cannot write", io::Error::from(io::ErrorKind::BrokenPipe));
/// assert!(partita::sink::is_broken_pipe(&gone));
/// ```
pub fn is_broken_pipe(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::BrokenPipe)
}
