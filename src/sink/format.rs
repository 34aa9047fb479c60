//! The formats by name.

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

use super::Sink;
use super::delimited::Delimited;
use super::json::Json;
use super::markdown::Markdown;
use super::output::Output;
use super::plan::TableOrPlan;
use super::style::Style;

use super::text::counted;
use super::vertical::Vertical;
use crate::error::{Error, Result};

/// How rows are written to a terminal or pipe.
///
/// ```
/// use partita::sink::Format;
/// assert_eq!("ndjson".parse::<Format>().unwrap(), Format::Ndjson);
/// assert_eq!("tabel".parse::<Format>().unwrap_err().hint(), Some("did you mean 'table'?"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// A box for people: the first and last rows, a footer that says what was left out. An EXPLAIN is shown as text.
    #[default]
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// A Markdown table of all rows.
    Markdown,
    /// A line a value, a block a row.
    Vertical,
    /// The number of rows alone.
    None,
}

impl Format {
    /// Every format, in the order it is documented in.
    pub const ALL: [Self; 8] =
        [Self::Table, Self::Csv, Self::Tsv, Self::Json, Self::Ndjson, Self::Markdown, Self::Vertical, Self::None];

    /// The name that is written after `--format`.
    ///
    /// ```
    /// use partita::sink::Format;
    /// assert_eq!(Format::Markdown.name(), "markdown");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Markdown => "markdown",
            Self::Vertical => "vertical",
            Self::None => "none",
        }
    }

    /// Whether programs read it: complete, and the same whatever the terminal.
    ///
    /// ```
    /// use partita::sink::Format;
    /// assert!(Format::Csv.is_machine());
    /// assert!(!Format::Table.is_machine());
    /// ```
    pub fn is_machine(self) -> bool {
        matches!(self, Self::Csv | Self::Tsv | Self::Json | Self::Ndjson)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = text.trim().to_ascii_lowercase();
        if let Some(format) = Self::ALL.into_iter().find(|format| format.name() == name) {
            return Ok(format);
        }
        let names = Self::ALL.map(Self::name);
        let error = Error::user(format!("there is no format '{text}'"));
        Err(error.did_you_mean(&name, names, format!("formats are {}", names.join(", "))))
    }
}

/// A sink that writes `format` to `writer`, which should be buffered if small writes cost much.
///
/// ```
/// # use datafusion::arrow::array::{Int64Array, RecordBatch};
/// # use std::sync::Arc;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("numbers");
/// # let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2])) as _)])?;
/// # use partita::sink::{Format, Style, to_writer};
/// let mut sink = to_writer(Format::Tsv, &Style::default(), Box::new(std::fs::File::create(&path)?));
/// sink.begin(&batch.schema())?;
/// sink.write(&batch)?;
/// sink.finish()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "n\n1\n2\n");
/// # Ok::<_, partita::Error>(())
/// ```
pub fn to_writer(format: Format, style: &Style, writer: Box<dyn Write + Send>) -> Box<dyn Sink> {
    let output = Output::new(writer);
    match format {
        Format::Table if style.expanded => Box::new(Vertical::new(output, style.clone())),
        Format::Table => Box::new(TableOrPlan::new(output, style.clone())),
        Format::Csv => Box::new(Delimited::new(output, b',')),
        Format::Tsv => Box::new(Delimited::new(output, b'\t')),
        Format::Json => Box::new(Json::array(output)),
        Format::Ndjson => Box::new(Json::lines(output)),
        Format::Markdown => Box::new(Markdown::new(output)),
        Format::Vertical => Box::new(Vertical::new(output, style.clone())),
        Format::None => Box::new(Count { output, rows: 0 }),
    }
}

/// Counts the rows.
struct Count {
    output: Output,
    rows: u64,
}

impl Sink for Count {
    fn begin(&mut self, _: &SchemaRef) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.output.line(&counted(self.rows, "row"))?;
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
        }
        let error = "spreadsheet".parse::<Format>().unwrap_err();
        assert!(error.hint().unwrap().contains("table, csv, tsv"), "{error:?}");
    }
}
