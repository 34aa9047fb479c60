//! Results longer than the screen go through a pager.

use std::env;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;

use super::progress::Progress;
use super::terminal;

/// Which pager, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pager {
    /// Everything goes straight to stdout.
    Off,
    /// `$PAGER`, or `less -SRFX` where that is unset.
    Default,
    /// This command line, run by the shell of the system.
    Command(String),
}

impl Pager {
    fn command(&self) -> Option<Command> {
        let line = match self {
            Pager::Off => return None,
            Pager::Command(line) => line.clone(),
            Pager::Default => env::var("PAGER").unwrap_or_else(|_| "less -SRFX".into()),
        };
        if line.trim().is_empty() {
            return None;
        }
        let mut command = Command::new("sh");
        command.args(["-c", &line]).stdin(Stdio::piped());
        Some(command)
    }
}

/// Stdout for the rows of a few statements. The first screenful of a result is held back until it is flushed; when more
/// comes before, all of it goes to the pager. Clones are the same screen.
#[derive(Clone)]
pub(super) struct Screen(Arc<Mutex<State>>);

struct State {
    pager: Pager,
    rows: usize,
    held: Vec<u8>,
    lines: usize,
    route: Route,
    progress: Progress,
}

enum Route {
    Undecided,
    Stdout,
    Pager(Child),
    /// The pager was left by its user: what follows is wanted by nobody.
    Closed,
}

impl Screen {
    /// A screen for the next statement; a pager only where stdout is a terminal.
    pub(super) fn new(pager: Pager, progress: Progress) -> Self {
        let pager = if terminal::stdout_is_terminal() { pager } else { Pager::Off };
        Self::with_rows(pager, terminal::size().1, progress)
    }

    fn with_rows(pager: Pager, rows: usize, progress: Progress) -> Self {
        let route = if pager == Pager::Off { Route::Stdout } else { Route::Undecided };
        Self(Arc::new(Mutex::new(State { pager, rows, held: Vec::new(), lines: 0, route, progress })))
    }

    /// Forgets what is held back.
    pub(super) fn discard(&self) {
        self.0.lock().held.clear();
    }

    /// Writes what is held back and waits until the pager is left. Whether its user left it before the end.
    pub(super) fn finish(&self) -> io::Result<bool> {
        let mut state = self.0.lock();
        state.release()?;
        match std::mem::replace(&mut state.route, Route::Closed) {
            Route::Pager(mut child) => {
                drop(child.stdin.take());
                child.wait()?;
                Ok(false)
            }
            Route::Closed => Ok(true),
            Route::Undecided | Route::Stdout => io::stdout().flush().map(|()| false),
        }
    }
}

impl State {
    /// Writes what is held back to stdout.
    fn release(&mut self) -> io::Result<()> {
        self.lines = 0;
        let held = std::mem::take(&mut self.held);
        let mut stdout = io::stdout().lock();
        stdout.write_all(&held)?;
        stdout.flush()
    }

    /// Hands what is held back to the pager; where that does not start, to stdout.
    fn start_pager(&mut self) -> io::Result<()> {
        let child = self.pager.command().and_then(|mut command| command.spawn().ok());
        let Some(child) = child else {
            self.route = Route::Stdout;
            return self.release();
        };
        self.progress.mute();
        self.route = Route::Pager(child);
        let held = std::mem::take(&mut self.held);
        self.pass(&held)
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Route::Pager(child) = &mut self.route else { return Ok(()) };
        let written = child.stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(bytes));
        if written.is_err() {
            let _ = child.wait();
            self.route = Route::Closed;
        }
        written
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        state.progress.clear();
        match state.route {
            Route::Stdout => return io::stdout().write(bytes),
            Route::Pager(_) => state.pass(bytes)?,
            Route::Closed => return Err(io::ErrorKind::BrokenPipe.into()),
            Route::Undecided => {
                state.held.extend_from_slice(bytes);
                state.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
                // The prompt that follows takes a row too.
                if state.lines >= state.rows {
                    state.start_pager()?;
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.0.lock();
        match &mut state.route {
            Route::Undecided | Route::Stdout => state.release(),
            Route::Pager(child) => child.stdin.as_mut().map_or(Ok(()), |stdin| stdin.flush()),
            Route::Closed => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryLimit;
    use crate::report::Watch;

    fn screen(pager: &str, rows: usize) -> Screen {
        let progress = Progress::new(Watch::default(), MemoryLimit::smallest());
        Screen::with_rows(Pager::Command(pager.into()), rows, progress)
    }

    #[test]
    fn a_long_result_goes_to_the_pager_whole() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let mut screen = screen(&format!("cat > '{}'", seen.display()), 3);
        for row in 0..5 {
            writeln!(screen, "{row}").unwrap();
        }
        assert!(!screen.finish().unwrap());
        assert_eq!(std::fs::read_to_string(seen).unwrap(), "0\n1\n2\n3\n4\n");
    }

    #[test]
    fn a_short_result_starts_no_pager() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let mut screen = screen(&format!("cat > '{}'", seen.display()), 3);
        screen.write_all(b"").unwrap();
        assert!(!screen.finish().unwrap());
        assert!(!seen.exists());
    }

    #[test]
    fn a_pager_that_is_left_ends_the_result() {
        let mut screen = screen("exit 0", 1);
        let row = vec![b'\n'; 1 << 20];
        let failed = (0..100).any(|_| screen.write_all(&row).is_err());
        assert!(failed && screen.finish().unwrap());
    }
}
