//! Markdown tables.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::ArrayFormatter;

use super::Sink;
use super::output::Output;
use super::text::{options, visible};
use crate::error::Result;

/// A pipe table of all rows, written as they come: columns are not padded. Numbers are right-aligned. NULL is empty.
pub(super) struct Markdown {
    output: Output,
}

impl Markdown {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    fn row(&mut self, cells: impl Iterator<Item = String>) -> Result<()> {
        let cells: Vec<_> = cells.collect();
        self.output.line(&format!("| {} |", cells.join(" | ")))
    }
}

/// A value that cannot end its cell or its line.
fn escaped(text: &str) -> String {
    visible(&text.replace('\\', "\\\\").replace('|', "\\|").replace("\r\n", "<br>").replace('\n', "<br>")).into_owned()
}

impl Sink for Markdown {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        if schema.fields().is_empty() {
            return Ok(());
        }
        self.row(schema.fields().iter().map(|field| escaped(field.name())))?;
        let rule = |numeric| if numeric { "--:" } else { "---" };
        self.row(schema.fields().iter().map(|field| rule(field.data_type().is_numeric()).to_string()))
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = options("");
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            self.row(columns.iter().map(|column| escaped(&column.value(row).to_string())))?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, table::tests::printed};

    #[tokio::test]
    async fn cells_cannot_end_early() {
        let sql = "SELECT * FROM (VALUES (1, 'a|b'), (2, 'two\nlines'), (NULL, NULL)) AS t(n, s)";
        assert_eq!(
            printed(Format::Markdown, sql).await,
            "| n | s |\n| --: | --- |\n| 1 | a\\|b |\n| 2 | two<br>lines |\n|  |  |\n"
        );
    }
}
