//! A batch that could not be read: what is wrong with it, or its rows with NULL for what is wrong.

use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::csv::reader::Decoder;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::util::display::array_value_to_string;

use super::infer::open;
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::source::location::shown;

/// The bytes of a batch that could not be read, without a header.
pub(super) struct Salvage<'a> {
    layout: &'a Layout,
    path: &'a Path,
    bytes: &'a [u8],
    /// Where the bytes stand in the (decompressed) file.
    offset: u64,
}

/// Why a record cannot be read.
enum Wrong {
    Fields(Error),
    Value { column: usize },
}

impl<'a> Salvage<'a> {
    /// Takes the bytes at `offset` of the file, which begin with the header or do not.
    pub(super) fn new(layout: &'a Layout, path: &'a Path, bytes: &'a [u8], offset: u64, header: bool) -> Self {
        let skipped = if header { header_length(layout, bytes).unwrap_or(0) } else { 0 };
        Self { layout, path, bytes: &bytes[skipped..], offset: offset + skipped as u64 }
    }

    /// The error with the file, the line, the column and the value; `cause` is what the reader said. It is not kept
    /// as the source: the engine would take it for the error itself.
    pub(super) fn locate(&self, cause: Error) -> Error {
        match self.first_wrong() {
            Ok(Some((record, Wrong::Value { column }))) => self.bad_value(record, column),
            Ok(Some((record, Wrong::Fields(error)))) => self.bad_line(record.start, error),
            Ok(None) | Err(_) => Error::data(format!("{}: {}", shown(self.path), cause.message())),
        }
    }

    /// The error of a line that does not end.
    pub(super) fn endless_line(&self) -> Error {
        // The end of the bytes ends the last record, which is the one.
        let start = self.records().ok().and_then(|records| records.last().map(|record| record.start)).unwrap_or(0);
        let line = self.line(start);
        Error::data(format!("{}, line {line}: the line is longer than 64 MB", shown(self.path)))
            .with_hint("a quote is not closed there, or the files use another quote character: quote => '…'")
    }

    fn bad_value(&self, record: Range<usize>, column: usize) -> Error {
        let field = self.layout.columns.field(column);
        let value = self.text(&record, column).unwrap_or_default();
        Error::data(format!(
            "{}, line {}: the column '{}' is {} and cannot hold '{value}'",
            shown(self.path),
            self.line(record.start),
            field.name(),
            sql_name(field.data_type()),
        ))
        .with_hint(
            "infer types from the whole file (sample_size => -1), give the type (types => {'column': 'VARCHAR'}), \
             add the word to those that mean NULL (nullstr => '…'), or read bad values as NULL (on_bad_value => 'null')",
        )
    }

    fn bad_line(&self, start: usize, cause: Error) -> Error {
        let line = self.line(start);
        // Arrow counts lines from the first byte that it saw, which need not be the first of the file.
        let what = match cause.message().split_once(", expected ") {
            Some((_, counts)) => format!("expected {} fields, {}", self.layout.columns.fields().len(), got(counts)),
            None => cause.message().to_string(),
        };
        Error::data(format!("{}, line {line}: {what}", shown(self.path)))
            .with_hint("check delimiter and quote; null_padding => true fills up short lines with NULLs")
    }

    fn first_wrong(&self) -> Result<Option<(Range<usize>, Wrong)>> {
        let mut decoder = self.layout.decoder(false, 1)?;
        let mut start = 0;
        loop {
            let record = match next_record(&mut decoder, self.bytes, start) {
                Ok(Some(end)) => start..end,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some((start..start, Wrong::Fields(error)))),
            };
            if decoder.flush().is_err() {
                let mut wanted = self.layout.wanted.iter().copied();
                let wrong = wanted.find(|column| self.column(&self.bytes[record.clone()], *column, 1).is_err());
                return Ok(wrong.map(|column| (record, Wrong::Value { column })));
            }
            start = record.end;
        }
    }

    /// One column of so many records.
    fn column(&self, bytes: &[u8], column: usize, rows: usize) -> Result<ArrayRef> {
        read_column(self.layout.dialect.decoder(&self.layout.columns, vec![column], false, rows)?, bytes)
    }

    fn text(&self, record: &Range<usize>, column: usize) -> Option<String> {
        let fields = self.layout.columns.fields().iter();
        let texts: Vec<Field> = fields.map(|field| field.as_ref().clone().with_data_type(DataType::Utf8)).collect();
        let texts: SchemaRef = Arc::new(Schema::new(texts));
        let decoder = self.layout.dialect.decoder(&texts, vec![column], false, 1).ok()?;
        let values = read_column(decoder, &self.bytes[record.clone()]).ok()?;
        array_value_to_string(&values, 0).ok()
    }

    /// The line of the file, counted from 1: the line breaks before are counted by reading the file once more.
    fn line(&self, start: usize) -> usize {
        let blanks = self.bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let before = self.offset + (start + blanks) as u64;
        let breaks = open(self.path, &self.layout.dialect).and_then(|input| Ok(count_breaks(input.take(before))?));
        breaks.unwrap_or(0) + 1
    }

    /// The batch with NULL for each value that is not of its column's type.
    pub(super) fn with_nulls(&self) -> Result<RecordBatch> {
        let records = self.records()?;
        let wanted = self.layout.wanted.iter();
        let columns = wanted.map(|column| self.column_with_nulls(&records, *column)).collect::<Result<Vec<_>>>()?;
        self.layout.batch(&columns, records.len())
    }

    fn column_with_nulls(&self, records: &[Range<usize>], column: usize) -> Result<ArrayRef> {
        if let Ok(array) = self.column(self.bytes, column, records.len()) {
            return Ok(array);
        }
        let data_type = self.layout.columns.field(column).data_type();
        let value = |record: &Range<usize>| {
            self.column(&self.bytes[record.clone()], column, 1).unwrap_or_else(|_| new_null_array(data_type, 1))
        };
        let values: Vec<ArrayRef> = records.iter().map(value).collect();
        let values: Vec<_> = values.iter().map(AsRef::as_ref).collect();
        Ok(concat(&values)?)
    }

    fn records(&self) -> Result<Vec<Range<usize>>> {
        let mut decoder = self.layout.dialect.decoder(&self.layout.columns, Vec::new(), false, 1)?;
        let (mut records, mut start) = (Vec::new(), 0);
        while let Some(end) = next_record(&mut decoder, self.bytes, start)? {
            decoder.flush()?;
            records.push(start..end);
            start = end;
        }
        Ok(records)
    }
}

fn header_length(layout: &Layout, bytes: &[u8]) -> Result<usize> {
    let mut decoder = layout.dialect.decoder(&layout.columns, Vec::new(), true, 1)?;
    Ok(decoder.decode(bytes)?)
}

/// Feeds a decoder of one row until it has it; tells where the record ends.
fn next_record(decoder: &mut Decoder, bytes: &[u8], start: usize) -> Result<Option<usize>> {
    let mut end = start;
    while decoder.capacity() > 0 {
        // An empty input tells the decoder that the last record, too, has ended.
        let read = decoder.decode(&bytes[end..])?;
        end += read;
        if read == 0 {
            break;
        }
    }
    Ok((decoder.capacity() == 0).then_some(end))
}

fn read_column(mut decoder: Decoder, bytes: &[u8]) -> Result<ArrayRef> {
    let mut read = 0;
    while read < bytes.len() {
        read += decoder.decode(&bytes[read..])?;
    }
    decoder.decode(&[])?;
    let batch = decoder.flush()?.ok_or_else(|| Error::internal("a record has no row"))?;
    Ok(Arc::clone(batch.column(0)))
}

fn count_breaks(mut input: impl Read) -> std::io::Result<usize> {
    let mut buffer = vec![0; 1 << 16];
    let mut breaks = 0;
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok(breaks),
            read => breaks += buffer[..read].iter().filter(|byte| **byte == b'\n').count(),
        }
    }
}

/// `3 got 2` and `3 got more than 3`, in words.
fn got(counts: &str) -> String {
    counts.split_once(" got ").map_or_else(|| counts.to_string(), |(_, got)| format!("found {got}"))
}

/// The type as SQL calls it.
fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int64 => "BIGINT".into(),
        DataType::Int32 => "INT".into(),
        DataType::Float64 => "DOUBLE".into(),
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Date32 => "DATE".into(),
        DataType::Timestamp(..) => "TIMESTAMP".into(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        other => other.to_string(),
    }
}
