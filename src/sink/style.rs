//! How rows look to a person.

use std::io::IsTerminal;

/// How rows look to a person. Machine formats look at none of it.
///
/// ```
/// use partita::sink::Style;
/// let style = Style { max_rows: 10, ..Style::default() };
/// assert_eq!(style.null_text, "NULL");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Style {
    /// The most rows a table shows: the first and the last half of them. It holds that many.
    pub max_rows: usize,
    /// The terminal's columns; a table that is wider leaves columns out. `None`: as wide as it needs to be.
    pub max_width: Option<usize>,
    /// Whether to color with ANSI escapes.
    pub colors: bool,
    /// What stands for NULL.
    pub null_text: String,
    /// Whether a table shows each row as a record of lines, as [`Format::Vertical`](super::Format::Vertical) does.
    pub expanded: bool,
}

impl Default for Style {
    /// 40 rows, any width, no colors.
    fn default() -> Self {
        Self { max_rows: 40, max_width: None, colors: false, null_text: "NULL".into(), expanded: false }
    }
}

impl Style {
    /// The style of the standard output: as wide as the terminal and, unless `NO_COLOR` is set, colored; where it is
    /// no terminal, the default.
    ///
    /// ```
    /// use partita::sink::Style;
    /// assert_eq!(Style::terminal().max_rows, Style::default().max_rows);
    /// ```
    pub fn terminal() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::default();
        }
        let max_width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { max_width, colors, ..Self::default() }
    }
}

/// What a piece of text is, and so its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Name,
    Faint,
    Plain,
}

impl Style {
    /// `text` in the color of its tone.
    pub(super) fn paint(&self, tone: Tone, text: String) -> String {
        match tone {
            Tone::Name if self.colors => format!("\x1b[1m{text}\x1b[0m"),
            Tone::Faint if self.colors => format!("\x1b[2m{text}\x1b[0m"),
            _ => text,
        }
    }
}
