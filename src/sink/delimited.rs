//! Values between delimiters: CSV and TSV.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::csv::WriterBuilder;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use std::sync::Arc;

use super::Sink;
use super::output::Output;
use super::text::as_text;
use crate::error::Result;

/// A header and a line a row, quoted where a value holds a delimiter, a quote or a line end. NULL is empty.
pub(super) struct Delimited {
    output: Output,
    delimiter: u8,
}

impl Delimited {
    pub(super) fn new(output: Output, delimiter: u8) -> Self {
        Self { output, delimiter }
    }

    /// A batch becomes bytes before any of them is written: the csv crate would hide what went wrong with the writer.
    fn put(&mut self, batch: &RecordBatch, header: bool) -> Result<()> {
        let mut bytes = Vec::new();
        WriterBuilder::new().with_header(header).with_delimiter(self.delimiter).build(&mut bytes).write(batch)?;
        self.output.write(bytes)
    }
}

impl Sink for Delimited {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        match schema.fields().is_empty() {
            true => Ok(()),
            false => self.put(&flat(&RecordBatch::new_empty(Arc::clone(schema)))?, true),
        }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.put(&flat(batch)?, false)
    }

    fn finish(&mut self) -> Result<()> {
        self.output.flush()
    }
}

/// The batch with lists, structs and their like as text: the writer refuses them.
fn flat(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    if !batch.schema().fields().iter().any(|field| is_nested(field.data_type())) {
        return Ok(batch.clone());
    }
    let flatten = |(field, column): (&Arc<Field>, &ArrayRef)| match is_nested(field.data_type()) {
        true => Ok((Arc::new(Field::new(field.name(), DataType::Utf8, true)), as_text(column)?)),
        false => Ok((Arc::clone(field), Arc::clone(column))),
    };
    let pairs =
        batch.schema().fields().iter().zip(batch.columns()).map(flatten).collect::<Result<Vec<_>, ArrowError>>()?;
    let (fields, columns): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn is_nested(data_type: &DataType) -> bool {
    data_type.is_nested() || matches!(data_type, DataType::RunEndEncoded(..))
}

#[cfg(test)]
mod tests {
    use super::super::{Format, table::tests::printed};

    #[tokio::test]
    async fn csv_quotes_what_it_must() {
        let sql = "SELECT 'a,b' AS x, 'say \"hi\"' AS y, NULL AS z UNION ALL SELECT 'two\nlines', '', 1";
        assert_eq!(printed(Format::Csv, sql).await, "x,y,z\n\"a,b\",\"say \"\"hi\"\"\",\n\"two\nlines\",,1\n");
    }

    #[tokio::test]
    async fn tsv_quotes_tabs() {
        assert_eq!(printed(Format::Tsv, "SELECT 'a,b' AS x, 'c\td' AS y").await, "x\ty\na,b\t\"c\td\"\n");
    }

    #[tokio::test]
    async fn nested_values_are_text() {
        let sql = "SELECT [1, NULL, 3] AS l, {a: 1, b: 'x'} AS s, map([1], ['one']) AS m, INTERVAL '1 day' AS i,
                   x'0aff' AS b, arrow_cast('d', 'Dictionary(Int32, Utf8)') AS d, 1.50::decimal(5,2) AS n";
        assert_eq!(
            printed(Format::Csv, sql).await,
            "l,s,m,i,b,d,n\n\"[1, , 3]\",\"{a: 1, b: x}\",{1: one},1 days,0aff,d,1.50\n"
        );
    }

    #[tokio::test]
    async fn no_rows_have_a_header() {
        assert_eq!(printed(Format::Csv, "SELECT 1 AS a, [1] AS b WHERE false").await, "a,b\n");
    }
}
