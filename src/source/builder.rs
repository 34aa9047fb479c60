//! [`Source`]: the description of a table that is not there yet.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::execution::SessionState;
use datafusion::logical_expr::Expr;

use crate::error::{Error, Result};
use crate::source::format::Format;
use crate::source::location::Location;
use crate::source::options::{OnBadValue, OptionValue, Options, single_byte};
use crate::source::table::FileTable;
use crate::source::tpch::Tpch;

/// Where a table's rows come from: files with their format and options, or a generator.
///
/// A path is a file, a folder with all below it (the folders of a Hive tree, `month=1/`, become columns), a glob
/// (`*`, `?`, `[ab]`, `**`, `{a,b}`), a `file://` URL, or a list of these; it is relative to the working directory.
/// Hidden files and those that begin with `_` are left out of folders and globs. Nothing is read before the table is
/// registered or queried.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("planes.csv");
/// std::fs::write(&path, "tail;year\nN1;2004\nN2;NA\n")?;
/// let ctx = Context::builder().build()?;
/// ctx.register("planes", Source::csv(&path).delimiter(';')?.null_words(["NA"])).await?;
/// let frame = ctx.sql("SELECT max(year) + 1 AS next FROM planes").await?;
/// assert_eq!(frame.compute().await?[0].num_rows(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Source {
    origin: Origin,
    options: Options,
}

#[derive(Debug, Clone)]
enum Origin {
    Files { format: Option<Format>, paths: Paths },
    Tpch { table: String, scale: f64 },
}

/// One path or several.
#[derive(Debug, Clone)]
pub struct Paths(Vec<String>);

macro_rules! one_path {
    ($($path:ty),*) => {$(
        impl From<$path> for Paths {
            fn from(path: $path) -> Self {
                let path: &Path = path.as_ref();
                Self(vec![path.to_string_lossy().into_owned()])
            }
        }
    )*};
}
one_path!(&str, String, &String, &Path, PathBuf, &PathBuf);

impl<T: Into<Paths>> From<Vec<T>> for Paths {
    fn from(paths: Vec<T>) -> Self {
        Self(paths.into_iter().flat_map(|path| path.into().0).collect())
    }
}

impl<T: Into<Paths>, const N: usize> From<[T; N]> for Paths {
    fn from(paths: [T; N]) -> Self {
        Vec::from(paths).into()
    }
}

/// Where rows come from.
impl Source {
    /// Files whose format is told by their extension; that of a compression (`.gz`, `.zst`, `.bz2`, `.xz`) is looked
    /// through.
    pub fn path(paths: impl Into<Paths>) -> Self {
        Self::files(None, paths)
    }

    /// Parquet files. Columns are matched by name; those a file lacks are NULL in its rows.
    pub fn parquet(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Parquet), paths)
    }

    /// Comma-separated values, with a header. The types of columns are inferred from the first 20,480 rows of each
    /// file. The empty field is NULL; so is `NA` in files where it stands among numbers, dates or booleans.
    pub fn csv(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Csv), paths)
    }

    /// Tab-separated values; all else as [`csv`](Self::csv).
    pub fn tsv(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Tsv), paths)
    }

    /// JSON: an array of objects, or objects one after another on lines of their own; the first character tells.
    pub fn json(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Json), paths)
    }

    /// JSON objects on lines of their own; the same as [`json`](Self::json).
    pub fn ndjson(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Json), paths)
    }

    /// Arrow IPC, files or streams.
    pub fn arrow(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Arrow), paths)
    }

    /// Avro object files.
    pub fn avro(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Avro), paths)
    }

    /// A table of TPC-H, generated while it is read: the same rows as the standard generator makes. `scale` 1 is
    /// about 1 GB of text for all eight tables.
    pub fn tpch(table: impl Into<String>, scale: f64) -> Self {
        Self { origin: Origin::Tpch { table: table.into(), scale }, options: Options::default() }
    }

    pub(crate) fn files(format: Option<Format>, paths: impl Into<Paths>) -> Self {
        Self { origin: Origin::Files { format, paths: paths.into() }, options: Options::default() }
    }
}

/// What is to be known about the files.
impl Source {
    /// Whether the first line of CSV files names the columns (default: yes).
    pub fn header(mut self, header: bool) -> Self {
        self.options.header = Some(header);
        self
    }

    /// The character between CSV values. Errors: it is not ASCII.
    pub fn delimiter(mut self, delimiter: char) -> Result<Self> {
        self.options.delimiter = Some(single_byte("delimiter", delimiter.encode_utf8(&mut [0; 4]))?);
        Ok(self)
    }

    /// The character around CSV values (default `"`). Errors: it is not ASCII.
    pub fn quote(mut self, quote: char) -> Result<Self> {
        self.options.quote = Some(single_byte("quote", quote.encode_utf8(&mut [0; 4]))?);
        Ok(self)
    }

    /// The character before a quote that is part of a CSV value (default: the quote is doubled). Errors: it is not
    /// ASCII.
    pub fn escape(mut self, escape: char) -> Result<Self> {
        self.options.escape = Some(single_byte("escape", escape.encode_utf8(&mut [0; 4]))?);
        Ok(self)
    }

    /// The character that begins a CSV line to skip (default: none). Errors: it is not ASCII.
    pub fn comment(mut self, comment: char) -> Result<Self> {
        self.options.comment = Some(single_byte("comment", comment.encode_utf8(&mut [0; 4]))?);
        Ok(self)
    }

    /// The words that mean NULL in CSV files, besides the empty field.
    pub fn null_words<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.options.null_words = Some(words.into_iter().map(Into::into).collect());
        self
    }

    /// The columns of the files, without those of Hive folders; nothing is inferred.
    pub fn schema(mut self, schema: Schema) -> Self {
        self.options.schema = Some(Arc::new(schema));
        self
    }

    /// How many rows of a text file are read to infer types (default 20,480). With 0 all columns are VARCHAR.
    pub fn infer_rows(mut self, rows: usize) -> Self {
        self.options.sample = Some(rows);
        self
    }

    /// Infers types from all rows of all text files.
    pub fn infer_whole_file(self) -> Self {
        self.infer_rows(usize::MAX)
    }

    /// The compression of text files whose extension does not tell it.
    pub fn compression(mut self, compression: FileCompressionType) -> Self {
        self.options.compression = Some(compression);
        self
    }

    /// What happens to a CSV value that is not of its column's type (default: an error).
    pub fn on_bad_value(mut self, action: OnBadValue) -> Self {
        self.options.on_bad_value = action;
        self
    }

    /// Whether folders named `key=value` make columns (default: yes).
    pub fn hive_partitioning(mut self, hive: bool) -> Self {
        self.options.hive = Some(hive);
        self
    }

    /// The Hive columns in the order of the folders, with their SQL types; by default both are inferred.
    pub fn partitioned_by<N: Into<String>, T: Into<String>>(
        mut self,
        columns: impl IntoIterator<Item = (N, T)>,
    ) -> Self {
        let columns = columns.into_iter();
        self.options.partitioned_by = columns.map(|(name, sql)| (name.into(), Some(sql.into()))).collect();
        self
    }

    /// Sets an option by the name it has in SQL, such as `delim`, `nullstr`, `sample_size` or `types`.
    ///
    /// Errors: a value the option cannot take. An unknown name is an error when the table is made.
    pub fn option(mut self, name: &str, value: impl Into<OptionValue>) -> Result<Self> {
        self.options.set(name, &value.into())?;
        Ok(self)
    }
}

/// From the description to the table.
impl Source {
    /// A name for the table: the stem of its path, or the generator's table.
    pub(crate) fn stem(&self) -> Option<String> {
        match &self.origin {
            Origin::Files { paths, .. } => Location::new(paths.0.clone()).ok()?.stem(),
            Origin::Tpch { table, .. } => Some(table.to_ascii_lowercase()),
        }
    }

    pub(crate) fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Looks at the files and makes the table: the one place where tables of files are made.
    ///
    /// Errors: files that are missing, empty, of several formats or unreadable; columns that do not go together;
    /// unknown options. Each names its file.
    pub(crate) async fn provider(&self, state: &SessionState) -> Result<Arc<dyn TableProvider>> {
        match &self.origin {
            Origin::Files { format, paths } => {
                let location = Location::new(paths.0.clone())?;
                Ok(Arc::new(FileTable::open(location, *format, &self.options, state).await?))
            }
            Origin::Tpch { table, scale } => Ok(Arc::new(Tpch::new(table, *scale)?)),
        }
    }
}

/// The type that SQL calls `name`.
pub(crate) fn sql_type(name: &str, state: &SessionState) -> Result<DataType> {
    let wrong = |_| Error::user(format!("there is no type '{name}'"));
    let cast = state.create_logical_expr(&format!("CAST(NULL AS {name})"), &DFSchema::empty()).map_err(wrong)?;
    match cast {
        Expr::Cast(cast) => Ok(cast.field.data_type().clone()),
        _ => Err(Error::user(format!("there is no type '{name}'"))),
    }
}
