//! Tells where in a JSON file something is wrong, by reading it once more.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::json::reader::Decoder;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::DataFusionError;
use serde::de::IgnoredAny;

use super::open;
use crate::error::{Error, Result};
use crate::source::location::shown;

/// A file that could not be read, and as what it was to be read.
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) compression: FileCompressionType,
    pub(super) lines: bool,
    pub(super) schema: Option<&'a SchemaRef>,
}

/// The engine's error with the file and, where it can be found, the line.
pub(super) fn locate(place: &Place<'_>, error: DataFusionError) -> DataFusionError {
    let cause = Error::from(error);
    if cause.is_io() || cause.is_cancelled() {
        return cause.into();
    }
    let found = syntax_error(place).or_else(|| bad_object(place));
    // The cause is not kept as the source: the engine would take it for the error itself.
    let located = match found {
        Some((line, what)) => Error::data(format!("{}, line {line}: {what}", shown(place.path))),
        None => Error::data(format!("{}: {}", shown(place.path), cause.message())),
    };
    located.into()
}

/// The line of what is no JSON; a file that was cut short ends there.
fn syntax_error(place: &Place<'_>) -> Option<(usize, String)> {
    let reader = open(place.path, place.compression).ok()?;
    let values = serde_json::Deserializer::from_reader(reader).into_iter::<IgnoredAny>();
    let error = values.filter_map(Result::err).next()?;
    let what = match error.is_eof() {
        true => "the file ends inside a value: it may have been cut short".to_string(),
        // serde_json puts the place behind its words.
        false => error.to_string().split(" at line ").next().unwrap_or_default().to_string(),
    };
    Some((error.line(), what))
}

/// The line of an object whose values do not fit the columns, in a file of one object a line.
fn bad_object(place: &Place<'_>) -> Option<(usize, String)> {
    let schema = place.schema.filter(|_| place.lines)?;
    let mut reader = open(place.path, place.compression).ok()?;
    let mut decoder = ReaderBuilder::new(Arc::clone(schema)).with_batch_size(1).build_decoder().ok()?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.read_until(b'\n', &mut line).ok()? == 0 {
            break;
        }
        if let Err(error) = decode(&mut decoder, &line) {
            return Some((number, error.message().trim_start_matches("Json error: ").to_string()));
        }
    }
    None
}

fn decode(decoder: &mut Decoder, line: &[u8]) -> Result<()> {
    let mut rest = line;
    while !rest.is_empty() {
        let read = decoder.decode(rest)?;
        rest = &rest[read..];
        decoder.flush()?;
    }
    Ok(())
}
