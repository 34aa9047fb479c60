//! Each row a block of lines, one a column.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::ArrayFormatter;

use super::Sink;
use super::output::Output;
use super::style::{Style, Tone};
use super::text::{counted, grouped, options, visible, width};
use crate::error::Result;

/// How long the line above a record is, where the terminal is not narrower.
const RULE: usize = 40;

/// Values in full, control characters escaped, all rows.
///
/// ```text
/// -[ RECORD 1 ]---------------------------
/// carrier | UA
/// delay   | 3.56
/// ```
pub(super) struct Vertical {
    output: Output,
    style: Style,
    names: Vec<String>,
    rows: u64,
}

impl Vertical {
    pub(super) fn new(output: Output, style: Style) -> Self {
        Self { output, style, names: Vec::new(), rows: 0 }
    }

    fn rule(&mut self) -> Result<()> {
        self.rows += 1;
        let rule = format!("-[ RECORD {} ]-", grouped(self.rows));
        let length = self.style.max_width.unwrap_or(RULE).min(RULE);
        self.output.line(&self.style.paint(Tone::Faint, format!("{rule:-<length$}")))
    }
}

impl Sink for Vertical {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let names: Vec<_> = schema.fields().iter().map(|field| visible(field.name()).into_owned()).collect();
        let widest = names.iter().map(|name| width(name)).max().unwrap_or(0);
        let pad = |name: String| format!("{name}{}", " ".repeat(widest - width(&name)));
        self.names = names.into_iter().map(pad).map(|name| self.style.paint(Tone::Name, name)).collect();
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let null = self.style.null_text.clone();
        let options = options(&null);
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let nulls: Vec<_> = batch.columns().iter().map(|column| column.logical_nulls()).collect();
        for row in 0..batch.num_rows() {
            self.rule()?;
            for (at, column) in columns.iter().enumerate() {
                let tone =
                    if nulls[at].as_ref().is_some_and(|nulls| nulls.is_null(row)) { Tone::Faint } else { Tone::Plain };
                let value = self.style.paint(tone, visible(&column.value(row).to_string()).into_owned());
                self.output.line(format!("{} | {value}", self.names[at]).trim_end())?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        if self.rows == 0 && !self.names.is_empty() {
            self.output.line(&counted(0, "row"))?;
        }
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, table::tests::printed};

    #[tokio::test]
    async fn a_line_a_value() {
        let sql = "SELECT * FROM (VALUES (1, 'two\nlines'), (2, NULL)) AS t(n, name)";
        assert_eq!(
            printed(Format::Vertical, sql).await,
            "-[ RECORD 1 ]---------------------------\nn    | 1\nname | two\\nlines\n\
             -[ RECORD 2 ]---------------------------\nn    | 2\nname | NULL\n"
        );
        assert_eq!(printed(Format::Vertical, "SELECT 1 AS a WHERE false").await, "0 rows\n");
    }
}
