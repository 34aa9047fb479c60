//! JSON, as an array of objects or one object after another, with errors that name file and line.

mod format;
mod locate;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::{JsonFormat, JsonFormatFactory};
use datafusion::execution::SessionState;

use self::format::LocatingJson;
use crate::error::{Error, Result};
use crate::source::columns::{Columns, engine_format, inferred};
use crate::source::format::{self as formats};
use crate::source::location::DataFile;
use crate::source::options::Options;
use crate::source::schema::union;

/// Tells the columns of JSON files, and whether they are arrays.
pub(crate) async fn columns(
    files: Vec<DataFile>,
    options: &Options,
    declared: Option<&SchemaRef>,
    state: &SessionState,
) -> Result<Columns> {
    let compression = common_compression(&files, options)?;
    let lines = common_shape(&files, compression)?;
    let engine = engine_format(&JsonFormatFactory::new(), options, state)?;
    let options_of = |format: &JsonFormat| format.options().clone();
    let format = JsonFormat::default()
        .with_options(engine.downcast_ref::<JsonFormat>().map(options_of).unwrap_or_default())
        .with_schema_infer_max_rec(options.sample_rows().max(1))
        .with_file_compression_type(compression)
        .with_newline_delimited(lines);
    let format: Arc<dyn FileFormat> = Arc::new(LocatingJson::new(format, compression, lines));
    if let Some(schema) = declared {
        return Ok(Columns { format, schema: Arc::clone(schema) });
    }
    let schemas = inferred(format.as_ref(), &files, state).await?;
    let schemas: Vec<_> = files.iter().map(|file| file.path.as_path()).zip(schemas).collect();
    Ok(Columns { schema: union(&schemas, true)?, format })
}

/// The engine reads all files of a table with one decompressor.
fn common_compression(files: &[DataFile], options: &Options) -> Result<FileCompressionType> {
    let of = |file: &DataFile| options.compression.unwrap_or_else(|| formats::compression(&file.path));
    let Some(first) = files.first() else { return Ok(FileCompressionType::UNCOMPRESSED) };
    match files.iter().find(|file| of(file) != of(first)) {
        Some(other) => Err(Error::user(format!(
            "JSON files of one table are compressed in one way: '{}' and '{}' are not",
            first.path.display(),
            other.path.display()
        ))),
        None => Ok(of(first)),
    }
}

/// Whether the files hold one object after another, rather than an array.
fn common_shape(files: &[DataFile], compression: FileCompressionType) -> Result<bool> {
    let mut shape: Option<(bool, &Path)> = None;
    for file in files {
        let lines = !begins_with_array(&file.path, compression)?;
        match shape {
            Some((other, path)) if other != lines => {
                return Err(Error::user(format!(
                    "one of '{}' and '{}' is an array, the other one object after another",
                    path.display(),
                    file.path.display()
                )));
            }
            _ => shape = Some((lines, &file.path)),
        }
    }
    Ok(shape.is_none_or(|(lines, _)| lines))
}

fn begins_with_array(path: &Path, compression: FileCompressionType) -> Result<bool> {
    let mut reader = open(path, compression)?;
    loop {
        let bytes = reader.fill_buf().map_err(|error| Error::io(format!("cannot read '{}'", path.display()), error))?;
        let Some(last) = bytes.len().checked_sub(1) else { return Ok(false) };
        let begins = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if let Some(first) = begins.iter().find(|byte| !byte.is_ascii_whitespace()) {
            return Ok(*first == b'[');
        }
        reader.consume(last + 1);
    }
}

/// Opens a file, decompressed.
fn open(path: &Path, compression: FileCompressionType) -> Result<Box<dyn BufRead + Send>> {
    let file =
        std::fs::File::open(path).map_err(|error| Error::io(format!("cannot read '{}'", path.display()), error))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, compression.convert_read(file)?)))
}
