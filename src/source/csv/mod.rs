//! CSV and TSV: columns matched by name, words that mean NULL, and errors that name file, line and column.
//!
//! ```text
//! dialect   how values are written           infer    the columns of a file from a sample of its rows
//! format    the engine's view of the files   layout   where a file has the columns of the table
//! reader    bytes of one file or range ─► batches     salvage   what is wrong in a batch, or its rows with NULLs
//! ```

mod dialect;
mod format;
mod infer;
mod layout;
mod reader;
mod salvage;

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::CsvOptions;
use datafusion::datasource::file_format::csv::{CsvFormat, CsvFormatFactory};
use datafusion::execution::SessionState;
use futures::{StreamExt, TryStreamExt};

use self::dialect::Dialect;
use self::format::CsvFiles;
use self::infer::{Inferred, infer};
use crate::error::{Error, Result};
use crate::source::columns::{Columns, engine_format};
use crate::source::format::Format;
use crate::source::location::DataFile;
use crate::source::options::Options;
use crate::source::schema::union;

/// Tells the columns of CSV files, and from a sample how they are written.
pub(crate) async fn columns(
    kind: Format,
    files: Vec<DataFile>,
    options: &Options,
    declared: Option<&SchemaRef>,
    state: &SessionState,
) -> Result<Columns> {
    let mut dialect = Dialect::new(kind, options);
    let writer = writer(&dialect, options, state)?;
    let ahead = state.config_options().execution.meta_fetch_concurrency.get();
    let inferred: Vec<Inferred> = futures::stream::iter(files.clone())
        .map(|file| infer_apart(file, dialect.clone(), options.sample_rows()))
        .buffered(ahead)
        .try_collect()
        .await?;
    dialect.settle(&inferred, declared);
    let schema = match declared {
        Some(schema) => Arc::clone(schema),
        None => {
            let schemas: Vec<_> = inferred.iter().map(|file| Arc::clone(&file.schema)).collect();
            let schemas: Vec<_> = files.iter().map(|file| file.path.as_path()).zip(schemas).collect();
            infer::named(union(&schemas, true)?.as_ref())
        }
    };
    Ok(Columns { format: Arc::new(CsvFiles::new(dialect, writer)), schema })
}

/// Infers on a thread of its own: the sample may be the whole file.
async fn infer_apart(file: DataFile, dialect: Dialect, rows: usize) -> Result<Inferred> {
    let inferred = tokio::task::spawn_blocking(move || infer(&file.path, &dialect, rows)).await;
    inferred.map_err(|error| Error::internal(format!("inference stopped: {error}")))?
}

/// The engine's format, which writes what is inserted.
fn writer(dialect: &Dialect, options: &Options, state: &SessionState) -> Result<CsvFormat> {
    let engine = engine_format(&CsvFormatFactory::new(), options, state)?;
    let options_of = |format: &CsvFormat| format.options().clone();
    let written = engine.downcast_ref::<CsvFormat>().map(options_of).unwrap_or_default();
    let written = CsvOptions { has_header: Some(dialect.header), ..written };
    let mut format = CsvFormat::default().with_options(written).with_delimiter(dialect.delimiter);
    if let Some(quote) = dialect.quote {
        format = format.with_quote(quote);
    }
    if let Some(compression) = options.compression {
        format = format.with_file_compression_type(compression);
    }
    Ok(format.with_escape(dialect.escape))
}
