//! JSON: one array of objects, or an object a line.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{JsonFormat, LineDelimited, NullableEncoder, Writer, WriterBuilder};
use datafusion::arrow::json::{Encoder, EncoderFactory, EncoderOptions};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::Sink;
use super::output::Output;
use crate::error::Result;

/// Objects with every column in them, NULL as `null`, 64-bit integers and decimals with all their digits, NaN and the
/// infinities, which JSON has no words for, as `null`.
pub(super) struct Json<F: JsonFormat> {
    output: Output,
    writer: Writer<Vec<u8>, F>,
}

impl Json<Rows> {
    pub(super) fn array(output: Output) -> Self {
        Self { output, writer: builder().build(Vec::new()) }
    }
}

impl Json<LineDelimited> {
    pub(super) fn lines(output: Output) -> Self {
        Self { output, writer: builder().build(Vec::new()) }
    }
}

impl<F: JsonFormat> Json<F> {
    fn drain(&mut self) -> Result<()> {
        let bytes = self.writer.get_mut();
        self.output.write(&*bytes)?;
        bytes.clear();
        Ok(())
    }
}

impl<F: JsonFormat + Send> Sink for Json<F> {
    fn begin(&mut self, _: &SchemaRef) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch)?;
        self.drain()
    }

    fn finish(&mut self) -> Result<()> {
        self.writer.finish()?;
        self.drain()?;
        self.output.flush()
    }
}

fn builder() -> WriterBuilder {
    WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(Arc::new(TextFactory))
}

/// An array with a row a line.
#[derive(Debug, Default)]
pub(super) struct Rows;

impl JsonFormat for Rows {
    fn start_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"[")?)
    }

    fn start_row<W: Write>(&self, writer: &mut W, is_first_row: bool) -> Result<(), ArrowError> {
        let before: &[u8] = if is_first_row { b"" } else { b",\n" };
        Ok(writer.write_all(before)?)
    }

    fn end_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"]\n")?)
    }
}

/// Makes strings of what the writer refuses: unions, and maps whose keys are no strings.
#[derive(Debug)]
struct TextFactory;

impl EncoderFactory for TextFactory {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let refused = match array.data_type() {
            DataType::Union(..) => true,
            DataType::Map(..) => !array.as_map().keys().data_type().is_string(),
            _ => false,
        };
        if !refused {
            return Ok(None);
        }
        let text = Text(ArrayFormatter::try_new(array, &TEXT)?);
        Ok(Some(NullableEncoder::new(Box::new(text), array.logical_nulls())))
    }
}

const TEXT: FormatOptions<'static> = FormatOptions::new().with_display_error(true).with_null("null");

struct Text<'a>(ArrayFormatter<'a>);

impl Encoder for Text<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let text = serde_json::Value::String(self.0.value(row).to_string());
        out.extend_from_slice(text.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, table::tests::printed};

    #[tokio::test]
    async fn an_array_a_row_a_line() {
        let sql = "SELECT * FROM (VALUES (1, 'a\"b'), (9007199254740993, NULL)) AS t(n, s)";
        assert_eq!(
            printed(Format::Json, sql).await,
            "[{\"n\":1,\"s\":\"a\\\"b\"},\n{\"n\":9007199254740993,\"s\":null}]\n"
        );
        assert_eq!(printed(Format::Json, "SELECT 1 AS a WHERE false").await, "[]\n");
    }

    #[tokio::test]
    async fn lines_hold_every_type() {
        let sql = "SELECT '12345678901234567.89'::decimal(20,2) AS d, [1, NULL] AS l, {a: 'x'} AS s,
                   map(['k'], [1]) AS m, map([1], ['v']) AS o, 'NaN'::double AS f,
                   TIMESTAMP '2024-02-29 12:00:00' AS t, x'0aff' AS b, INTERVAL '1 day' AS i";
        let line = printed(Format::Ndjson, sql).await;
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(
            line.starts_with(
                r#"{"d":12345678901234567.89,"l":[1,null],"s":{"a":"x"},"m":{"k":1},"o":"{1: v}","f":null,"#
            ),
            "{line}"
        );
        assert_eq!(value["t"], "2024-02-29T12:00:00");
        assert_eq!((&value["b"], &value["i"]), (&"0aff".into(), &"1 days".into()));
        assert_eq!(printed(Format::Ndjson, "SELECT 1 AS a WHERE false").await, "");
    }
}
