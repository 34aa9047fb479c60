//! The columns of one CSV file, from a sample of its rows.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::dialect::Dialect;
use crate::error::{Error, Result};

/// What a sample tells of a file.
#[derive(Debug)]
pub(super) struct Inferred {
    /// Columns without any value in the sample are of type Null.
    pub(super) schema: SchemaRef,
    /// Whether a value holds a line break.
    pub(super) newlines: bool,
    /// Whether `NA` stands among numbers, dates or booleans.
    pub(super) written_by_r: bool,
}

/// Infers from the first `rows` rows.
pub(super) fn infer(path: &Path, dialect: &Dialect, rows: usize) -> Result<Inferred> {
    let (schema, newlines) = sample(path, dialect, rows)?;
    let texts = schema.fields().iter().any(|field| field.data_type().is_string());
    if dialect.null_words.is_some() || !texts {
        return Ok(Inferred { schema, newlines, written_by_r: false });
    }
    let (of_r, _) = sample(path, &dialect.of_r(), rows)?;
    let typed = |data_type: &DataType| !data_type.is_string() && !data_type.is_null();
    let mut pairs = schema.fields().iter().zip(of_r.fields());
    let written_by_r = pairs.any(|(plain, of_r)| plain.data_type().is_string() && typed(of_r.data_type()));
    Ok(Inferred { schema: if written_by_r { of_r } else { schema }, newlines, written_by_r })
}

fn sample(path: &Path, dialect: &Dialect, rows: usize) -> Result<(SchemaRef, bool)> {
    let mut reader = QuoteWatch::new(open(path, dialect)?, dialect);
    let inferred = dialect.arrow(dialect.header)?.infer_schema(&mut reader, Some(rows));
    let (schema, _) = inferred.map_err(|error| {
        let cause = Error::from(error);
        Error::data(format!("'{}' cannot be read as {}: {}", path.display(), dialect.extension, cause.message()))
            .with_hint("check delimiter, quote and header; null_padding => true fills up short lines with NULLs")
            .with_source(cause)
    })?;
    let names = column_names(schema.fields().iter().map(|field| field.name().as_str()));
    let fields = schema.fields().iter().zip(names);
    let fields = fields.map(|(field, name)| Field::new(name, engine_type(field.data_type()), true));
    Ok((Arc::new(Schema::new(fields.collect::<Vec<_>>())), reader.newlines))
}

/// The names of the columns as the header has them: unique, and never empty.
pub(super) fn header(path: &Path, dialect: &Dialect) -> Result<Vec<String>> {
    let (schema, _) = sample(path, dialect, 0)?;
    Ok(schema.fields().iter().map(|field| field.name().clone()).collect())
}

fn column_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = names.enumerate().map(|(at, name)| {
        let name = if name.is_empty() { format!("column_{}", at + 1) } else { name.to_string() };
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|candidate| !taken.contains(candidate));
        let free = free.unwrap_or(name);
        taken.insert(free.clone());
        free
    });
    unique.collect()
}

/// Strings as the engine likes them; times in microseconds, for a later row may have a fraction that the sample had
/// not.
fn engine_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        other => other.clone(),
    }
}

/// The schema with VARCHAR for the columns that have no value.
pub(super) fn named(schema: &Schema) -> SchemaRef {
    let typed = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Null => field.as_ref().clone().with_data_type(DataType::Utf8View),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new(typed.collect::<Vec<_>>()))
}

/// Opens a file, decompressed.
pub(super) fn open(path: &Path, dialect: &Dialect) -> Result<Box<dyn Read + Send>> {
    let file = File::open(path).map_err(|error| Error::io(format!("cannot read '{}'", path.display()), error))?;
    Ok(dialect.compression_of(path).convert_read(file)?)
}

/// Sees the bytes that pass, and tells whether a line break stood within quotes.
struct QuoteWatch<R> {
    inner: R,
    quote: u8,
    escape: Option<u8>,
    quoted: bool,
    escaped: bool,
    newlines: bool,
}

impl<R> QuoteWatch<R> {
    fn new(inner: R, dialect: &Dialect) -> Self {
        let quote = dialect.quote.unwrap_or(b'"');
        Self { inner, quote, escape: dialect.escape, quoted: false, escaped: false, newlines: false }
    }

    fn see(&mut self, byte: u8) {
        if std::mem::take(&mut self.escaped) {
        } else if self.escape == Some(byte) {
            self.escaped = true;
        } else if byte == self.quote {
            self.quoted = !self.quoted;
        } else if byte == b'\n' && self.quoted {
            self.newlines = true;
        }
    }
}

impl<R: Read> Read for QuoteWatch<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for byte in &buffer[..read] {
            self.see(*byte);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        assert_eq!(column_names(["a", "", "a", "a_1"].into_iter()), ["a", "column_2", "a_1", "a_1_1"]);
    }
}
