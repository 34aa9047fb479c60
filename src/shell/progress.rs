//! The progress line: on stderr, on a terminal only, once a statement has taken two seconds.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use unicode_width::UnicodeWidthStr;

use super::terminal;
use crate::memory::{MemoryLimit, bytes};
use crate::report::{Figures, Phase, Watch};

/// Statements that take less, or write rows more often, show nothing.
const QUIET: Duration = Duration::from_secs(2);

/// Back to the first column, and clear to the end.
const CLEAR: &str = "\r\x1b[K";

/// The line of one statement. Clones are the same line: who draws it and who must clear it before writing rows.
#[derive(Clone)]
pub(super) struct Progress {
    watch: Watch,
    limit: MemoryLimit,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Since when nothing was written.
    since: Instant,
    shown: bool,
    muted: bool,
}

impl Progress {
    pub(super) fn new(watch: Watch, limit: MemoryLimit) -> Self {
        let state = State { since: Instant::now(), shown: false, muted: !terminal::stderr_is_terminal() };
        Self { watch, limit, state: Arc::new(Mutex::new(state)) }
    }

    /// Draws the line anew where it is time for one.
    pub(super) fn draw(&self) {
        let mut state = self.state.lock();
        if state.muted || state.since.elapsed() < QUIET {
            return;
        }
        let Some((phase, figures)) = self.watch.look() else { return };
        let text = line(phase, &figures, self.limit, terminal::size().0.saturating_sub(1));
        state.shown = print(&format!("{CLEAR}{text}"));
    }

    /// Clears the line: rows or messages follow. It comes back when nothing has been written for two seconds.
    pub(super) fn clear(&self) {
        let mut state = self.state.lock();
        state.since = Instant::now();
        if std::mem::take(&mut state.shown) {
            print(CLEAR);
        }
    }

    /// Clears the line for good.
    pub(super) fn mute(&self) {
        self.state.lock().muted = true;
        self.clear();
    }
}

/// A progress line is no reason to fail: whether it could be written.
fn print(text: &str) -> bool {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).is_ok()
}

/// What a statement tells of itself, in at most `width` columns; parts that do not fit are left out from the right.
pub(super) fn line(phase: Phase, figures: &Figures, limit: MemoryLimit, width: usize) -> String {
    let mut text = String::new();
    for part in parts(phase, figures, limit) {
        let separator = if text.is_empty() { "" } else { " · " };
        if text.width() + separator.width() + part.width() > width {
            break;
        }
        text = text + separator + &part;
    }
    text
}

/// The parts, the most wanted first.
fn parts(phase: Phase, figures: &Figures, limit: MemoryLimit) -> Vec<String> {
    let doing = match phase {
        Phase::Planning => "planning",
        Phase::Running => "running",
        Phase::Writing => "writing",
    };
    let mut parts = vec![format!("{doing} {}", duration(figures.elapsed))];
    if let Some(done) = figures.progress.filter(|_| phase == Phase::Running) {
        parts.push(format!("{:.0}%{}", (done * 100.0).clamp(0.0, 100.0), remaining(done, figures.elapsed)));
    }
    parts.push(format!("memory {} of {}", bytes(figures.reserved), bytes(limit.bytes())));
    if figures.spilled_bytes > 0 {
        parts.push(format!("spilled {}", bytes(figures.spilled_bytes)));
    }
    if figures.rows_read > 0 {
        let read = match figures.bytes_read {
            0 => String::new(),
            read => format!(", {}", bytes(read)),
        };
        parts.push(format!("read {} rows{read}", count(figures.rows_read)));
    }
    if figures.rows > 0 {
        parts.push(format!("out {} rows", count(figures.rows)));
    }
    parts
}

/// The time left, once enough is done to tell.
fn remaining(done: f64, elapsed: Duration) -> String {
    if !(0.02..1.0).contains(&done) {
        return String::new();
    }
    format!(", about {} left", duration(elapsed.mul_f64((1.0 - done) / done)))
}

/// `4 s`, `2 min 05 s`, `1 h 07 min`.
pub(super) fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `950`, `12.3 thousand`, `6.0 million`, `1.5 billion`.
fn count(rows: u64) -> String {
    match rows {
        0..10_000 => rows.to_string(),
        10_000..1_000_000 => format!("{:.1} thousand", rows as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} million", rows as f64 / 1e6),
        _ => format!("{:.1} billion", rows as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            elapsed: Duration::from_secs(30),
            rows: 12_345,
            rows_read: 6_001_215,
            bytes_read: 250_000_000,
            progress: Some(0.25),
            reserved: 310_000_000,
            spilled_bytes: 1_200_000_000,
            ..Figures::default()
        }
    }

    fn limit() -> MemoryLimit {
        MemoryLimit::new(512_000_000).unwrap()
    }

    #[test]
    fn everything_that_is_known_is_told() {
        assert_eq!(
            line(Phase::Running, &figures(), limit(), 200),
            "running 30 s · 25%, about 1 min 30 s left · memory 310.0 MB of 512.0 MB · spilled 1.2 GB · \
             read 6.0 million rows, 250.0 MB · out 12.3 thousand rows"
        );
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        let figures = Figures { elapsed: Duration::from_secs(2), ..Figures::default() };
        assert_eq!(line(Phase::Planning, &figures, limit(), 80), "planning 2 s · memory 0 B of 512.0 MB");
    }

    #[test]
    fn a_narrow_terminal_keeps_whole_parts() {
        assert_eq!(line(Phase::Running, &figures(), limit(), 41), "running 30 s · 25%, about 1 min 30 s left");
        assert_eq!(line(Phase::Running, &figures(), limit(), 5), "");
    }
}
