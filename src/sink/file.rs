//! Files by their extension.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::CompressionType;
use datafusion::arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use super::{Format, Sink, Style, to_writer};
use crate::error::{Error, Result};
use crate::operator::Staging;

/// A row group of a Parquet file is ended when it holds this many bytes, encoded: what the writer holds is bounded.
const ROW_GROUP: usize = 32 << 20;

/// What a file that is written is.
///
/// ```
/// use partita::sink::{FileFormat, file_format};
/// assert_eq!(file_format("late.jsonl").unwrap(), FileFormat::Ndjson);
/// assert!(file_format("late.xls").is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// `.csv`
    Csv,
    /// `.tsv`
    Tsv,
    /// `.json`: one array of objects.
    Json,
    /// `.ndjson`, `.jsonl`: an object a line.
    Ndjson,
    /// `.parquet`
    Parquet,
    /// `.arrow`: the Arrow IPC file format.
    Arrow,
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        })
    }
}

/// The format that a file's extension names.
///
/// Errors: no extension, one that is not known, or a compressed file, which COPY writes.
///
/// ```
/// use partita::sink::{FileFormat, file_format};
/// assert_eq!(file_format("out/late.parquet").unwrap(), FileFormat::Parquet);
/// assert!(file_format("late.csv.gz").unwrap_err().hint().unwrap().contains("COPY"));
/// ```
pub fn file_format(path: impl AsRef<Path>) -> Result<FileFormat> {
    let path = path.as_ref();
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let error = |what| Error::user(format!("cannot tell the format of '{}': {what}", path.display()));
    match extension.as_str() {
        "csv" => Ok(FileFormat::Csv),
        "tsv" => Ok(FileFormat::Tsv),
        "json" => Ok(FileFormat::Json),
        "ndjson" | "jsonl" => Ok(FileFormat::Ndjson),
        "parquet" => Ok(FileFormat::Parquet),
        "arrow" => Ok(FileFormat::Arrow),
        "gz" | "zst" | "bz2" | "xz" => Err(Error::user(format!("'{}' would be compressed", path.display()))
            .with_hint(format!("COPY writes compressed text: COPY (SELECT …) TO '{}'", path.display()))),
        "" => Err(error("it has no extension").with_hint("name it .csv, .tsv, .json, .ndjson, .parquet or .arrow")),
        other => Err(error(&format!("nothing writes '.{other}'"))
            .with_hint("extensions are .csv, .tsv, .json, .ndjson, .parquet and .arrow")),
    }
}

/// A sink that writes a file by its extension, under a hidden name until [`finish`](Sink::finish) has brought all of
/// it to disk and moved it to its place; an existing file is replaced then. Dropped before that, it leaves nothing.
///
/// Errors: an extension that [`file_format`] does not know; a place that cannot be written to.
///
/// ```
/// # use datafusion::arrow::array::{Int64Array, RecordBatch};
/// # use std::sync::Arc;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("numbers.csv");
/// # let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2])) as _)])?;
/// let mut sink = partita::sink::to_file(&path)?;
/// sink.begin(&batch.schema())?;
/// sink.write(&batch)?;
/// sink.finish()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "n\n1\n2\n");
/// # Ok::<_, partita::Error>(())
/// ```
pub fn to_file(path: impl AsRef<Path>) -> Result<Box<dyn Sink>> {
    let path = path.as_ref();
    let format = file_format(path)?;
    let mut staging = Staging::default();
    let (file, _) = staging.create(path).map_err(|error| failed(path, error))?;
    let written = file.try_clone().map_err(|error| failed(path, error))?;
    let content = match format {
        FileFormat::Csv => text(Format::Csv, written),
        FileFormat::Tsv => text(Format::Tsv, written),
        FileFormat::Json => text(Format::Json, written),
        FileFormat::Ndjson => text(Format::Ndjson, written),
        FileFormat::Parquet => Box::new(Parquet { file: Some(written), writer: None }),
        FileFormat::Arrow => Box::new(Arrow { file: Some(written), writer: None }),
    };
    Ok(Box::new(Staged { path: path.to_path_buf(), content, file, staging: Some(staging) }))
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("cannot write '{}'", path.display()), error)
}

fn text(format: Format, file: File) -> Box<dyn Sink> {
    to_writer(format, &Style::default(), Box::new(BufWriter::new(file)))
}

/// A file of a [`Staging`].
struct Staged {
    path: PathBuf,
    content: Box<dyn Sink>,
    file: File,
    staging: Option<Staging>,
}

impl Sink for Staged {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        self.content.begin(schema)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.content.write(batch)
    }

    fn finish(&mut self) -> Result<()> {
        let Some(staging) = self.staging.take() else { return Ok(()) };
        self.content.finish()?;
        self.file.sync_all().map_err(|error| failed(&self.path, error))?;
        staging.commit().map(drop)
    }
}

/// Row groups of at most [`ROW_GROUP`] bytes, zstd.
struct Parquet {
    file: Option<File>,
    writer: Option<ArrowWriter<BufWriter<File>>>,
}

impl Sink for Parquet {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_bytes(Some(ROW_GROUP))
            .build();
        let file = self.file.take().map(BufWriter::new).ok_or_else(out_of_order)?;
        self.writer = Some(ArrowWriter::try_new(file, SchemaRef::clone(schema), Some(properties)).map_err(parquet)?);
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.as_mut().ok_or_else(out_of_order)?.write(batch).map_err(parquet)
    }

    fn finish(&mut self) -> Result<()> {
        let mut file = self.writer.take().ok_or_else(out_of_order)?.into_inner().map_err(parquet)?;
        Ok(file.flush()?)
    }
}

fn parquet(error: ParquetError) -> Error {
    datafusion::error::DataFusionError::from(error).into()
}

/// Buffers compressed with lz4.
struct Arrow {
    file: Option<File>,
    writer: Option<FileWriter<BufWriter<File>>>,
}

impl Sink for Arrow {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let file = self.file.take().map(BufWriter::new).ok_or_else(out_of_order)?;
        self.writer = Some(FileWriter::try_new_with_options(file, schema, options)?);
        Ok(())
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.as_mut().ok_or_else(out_of_order)?.write(batch)?)
    }

    fn finish(&mut self) -> Result<()> {
        let mut file = self.writer.take().ok_or_else(out_of_order)?.into_inner()?;
        Ok(file.flush()?)
    }
}

fn out_of_order() -> Error {
    Error::internal("a sink was written to before it began or after it ended")
}
