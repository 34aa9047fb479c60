//! What the standard streams are connected to.

use std::env;
use std::io::{self, IsTerminal};

/// Whether rows on stdout are read by a person.
pub(super) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether messages on stderr are read by a person, on a terminal that can redraw a line.
pub(super) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal() && !is_dumb()
}

/// Whether messages on stderr may have colours: a terminal, and `NO_COLOR` unset or empty.
pub(super) fn stderr_has_colours() -> bool {
    stderr_is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns and rows of the terminal; 80 × 24 where it does not tell.
pub(super) fn size() -> (usize, usize) {
    match terminal_size::terminal_size() {
        Some((width, height)) => (usize::from(width.0), usize::from(height.0)),
        None => (80, 24),
    }
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}
