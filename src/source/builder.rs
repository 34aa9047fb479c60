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
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// use partita::Paths;
/// let paths = Paths::from(["queries/data/flights/month=1", "queries/data/flights/month=2"]);
/// assert!(ctx.read_parquet(paths).await?.count().await? < 336_776);
/// # Ok(()) }
/// ```
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
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let airlines = ctx.read(Source::path("queries/data/airlines.csv")).await?;
    /// assert_eq!(airlines.count().await?, 16);
    /// # Ok(()) }
    /// ```
    pub fn path(paths: impl Into<Paths>) -> Self {
        Self::files(None, paths)
    }

    /// Parquet files. Columns are matched by name; those a file lacks are NULL in its rows.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let flights = ctx.read(Source::parquet("queries/data/flights")).await?;
    /// assert_eq!(flights.count().await?, 336_776);
    /// # Ok(()) }
    /// ```
    pub fn parquet(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Parquet), paths)
    }

    /// Comma-separated values, with a header. The types of columns are inferred from the first 20,480 rows of each
    /// file. The empty field is NULL; so is `NA` in files where it stands among numbers, dates or booleans.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let airlines = ctx.read(Source::csv("queries/data/airlines.csv")).await?;
    /// assert_eq!(airlines.columns(), ["carrier", "name"]);
    /// # Ok(()) }
    /// ```
    pub fn csv(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Csv), paths)
    }

    /// Tab-separated values; all else as [`csv`](Self::csv).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("pairs.tsv");
    /// std::fs::write(&path, "a\tb\n1\t2\n")?;
    /// let pairs = ctx.read(Source::tsv(&path)).await?;
    /// assert_eq!(pairs.collect_into::<(i64, i64)>().await?, [(1, 2)]);
    /// # Ok(()) }
    /// ```
    pub fn tsv(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Tsv), paths)
    }

    /// JSON: an array of objects, or objects one after another on lines of their own; the first character tells.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.json");
    /// std::fs::write(&path, r#"[{"n": 1}, {"n": 2}]"#)?;
    /// let numbers = ctx.read(Source::json(&path)).await?;
    /// assert_eq!(numbers.collect_into::<(i64,)>().await?, [(1,), (2,)]);
    /// # Ok(()) }
    /// ```
    pub fn json(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Json), paths)
    }

    /// JSON objects on lines of their own; the same as [`json`](Self::json).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.ndjson");
    /// std::fs::write(&path, "{\"n\": 1}\n{\"n\": 2}\n")?;
    /// let numbers = ctx.read(Source::ndjson(&path)).await?;
    /// assert_eq!(numbers.collect_into::<(i64,)>().await?, [(1,), (2,)]);
    /// # Ok(()) }
    /// ```
    pub fn ndjson(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Json), paths)
    }

    /// Arrow IPC, files or streams.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.arrow");
    /// ctx.range(0..10)?.write_arrow(&path).await?;
    /// assert_eq!(ctx.read(Source::arrow(&path)).await?.count().await?, 10);
    /// # Ok(()) }
    /// ```
    pub fn arrow(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Arrow), paths)
    }

    /// Avro object files.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use datafusion::arrow::array::{Int64Array, RecordBatch};
    /// # use datafusion::arrow_avro::writer::AvroWriter;
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.avro");
    /// # let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2])) as _)])?;
    /// # let file = std::fs::File::create(&path)?;
    /// # let mut writer = AvroWriter::new(file, batch.schema().as_ref().clone()).unwrap();
    /// # writer.write(&batch).unwrap();
    /// # writer.finish().unwrap();
    /// let numbers = ctx.read(Source::avro(&path)).await?;
    /// assert_eq!(numbers.collect_into::<(i64,)>().await?, [(1,), (2,)]);
    /// # Ok(()) }
    /// ```
    pub fn avro(paths: impl Into<Paths>) -> Self {
        Self::files(Some(Format::Avro), paths)
    }

    /// A table of TPC-H, generated while it is read: the same rows as the standard generator makes. `scale` 1 is
    /// about 1 GB of text for all eight tables.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let nations = ctx.read(Source::tpch("nation", 1.0)).await?;
    /// assert_eq!(nations.count().await?, 25);
    /// # Ok(()) }
    /// ```
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
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("pairs.csv");
    /// std::fs::write(&path, "1,2\n3,4\n")?;
    /// let pairs = ctx.read(Source::csv(&path).header(false)).await?;
    /// assert_eq!(pairs.collect_into::<(i64, i64)>().await?, [(1, 2), (3, 4)]);
    /// # Ok(()) }
    /// ```
    pub fn header(mut self, header: bool) -> Self {
        self.options.header = Some(header);
        self
    }

    /// The character between CSV values. Errors: it is not ASCII.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("pairs.csv");
    /// std::fs::write(&path, "a;b\n1;2\n")?;
    /// let pairs = ctx.read(Source::csv(&path).delimiter(';')?).await?;
    /// assert_eq!(pairs.collect_into::<(i64, i64)>().await?, [(1, 2)]);
    /// # Ok(()) }
    /// ```
    pub fn delimiter(mut self, delimiter: char) -> Result<Self> {
        self.options.delimiter = Some(single_byte("delimiter", delimiter.encode_utf8(&mut [0; 4]))?);
        Ok(self)
    }

    /// The character around CSV values (default `"`). Errors: it is not ASCII.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("words.csv");
    /// std::fs::write(&path, "word,n\n'a,b',1\n")?;
    /// let words = ctx.read(Source::csv(&path).quote('\'')?).await?;
    /// assert_eq!(words.collect_into::<(String, i64)>().await?, [("a,b".to_string(), 1)]);
    /// # Ok(()) }
    /// ```
    pub fn quote(mut self, quote: char) -> Result<Self> {
        self.options.quote = Some(single_byte("quote", quote.encode_utf8(&mut [0; 4]))?);
        Ok(self)
    }

    /// The character before a quote that is part of a CSV value (default: the quote is doubled). Errors: it is not
    /// ASCII.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("words.csv");
    /// std::fs::write(&path, "word,n\n\"a \\\"b\\\" c\",1\n")?;
    /// let words = ctx.read(Source::csv(&path).escape('\\')?).await?;
    /// assert_eq!(words.collect_into::<(String, i64)>().await?, [("a \"b\" c".to_string(), 1)]);
    /// # Ok(()) }
    /// ```
    pub fn escape(mut self, escape: char) -> Result<Self> {
        self.options.escape = Some(single_byte("escape", escape.encode_utf8(&mut [0; 4]))?);
        Ok(self)
    }

    /// The character that begins a CSV line to skip (default: none). Errors: it is not ASCII.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.csv");
    /// std::fs::write(&path, "# made by hand\nn\n1\n")?;
    /// let numbers = ctx.read(Source::csv(&path).comment('#')?).await?;
    /// assert_eq!(numbers.collect_into::<(i64,)>().await?, [(1,)]);
    /// # Ok(()) }
    /// ```
    pub fn comment(mut self, comment: char) -> Result<Self> {
        self.options.comment = Some(single_byte("comment", comment.encode_utf8(&mut [0; 4]))?);
        Ok(self)
    }

    /// The words that mean NULL in CSV files, besides the empty field.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("planes.csv");
    /// std::fs::write(&path, "tail,year\nN1,2004\nN2,?\n")?;
    /// let planes = ctx.read(Source::csv(&path).null_words(["?"])).await?;
    /// let years: Vec<(Option<i64>,)> = planes.select(["year"])?.collect_into().await?;
    /// assert_eq!(years, [(Some(2004),), (None,)]);
    /// # Ok(()) }
    /// ```
    pub fn null_words<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.options.null_words = Some(words.into_iter().map(Into::into).collect());
        self
    }

    /// The columns of the files, without those of Hive folders; nothing is inferred.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("codes.csv");
    /// use datafusion::arrow::datatypes::{DataType, Field, Schema};
    /// std::fs::write(&path, "code\n007\n")?;
    /// let schema = Schema::new(vec![Field::new("code", DataType::Utf8, true)]);
    /// let codes = ctx.read(Source::csv(&path).schema(schema)).await?;
    /// assert_eq!(codes.collect_into::<(String,)>().await?, [("007".to_string(),)]);
    /// # Ok(()) }
    /// ```
    pub fn schema(mut self, schema: Schema) -> Self {
        self.options.schema = Some(Arc::new(schema));
        self
    }

    /// How many rows of a text file are read to infer types (default 20,480). With 0 all columns are VARCHAR.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("codes.csv");
    /// std::fs::write(&path, "code\n007\n")?;
    /// let codes = ctx.read(Source::csv(&path).infer_rows(0)).await?;
    /// assert_eq!(codes.collect_into::<(String,)>().await?, [("007".to_string(),)]);
    /// # Ok(()) }
    /// ```
    pub fn infer_rows(mut self, rows: usize) -> Self {
        self.options.sample = Some(rows);
        self
    }

    /// Infers types from all rows of all text files.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.csv");
    /// std::fs::write(&path, "n\n1\n2.5\n")?;
    /// let numbers = ctx.read(Source::csv(&path).infer_whole_file()).await?;
    /// assert_eq!(numbers.collect_into::<(f64,)>().await?, [(1.0,), (2.5,)]);
    /// # Ok(()) }
    /// ```
    pub fn infer_whole_file(self) -> Self {
        self.infer_rows(usize::MAX)
    }

    /// The compression of text files whose extension does not tell it.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers");
    /// use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
    /// # let zipped = folder.path().join("numbers.csv.gz");
    /// # ctx.range(0..10)?.write_csv(&zipped).await?;
    /// # std::fs::rename(&zipped, &path)?;
    /// let numbers = ctx.read(Source::csv(&path).compression(FileCompressionType::GZIP)).await?;
    /// assert_eq!(numbers.count().await?, 10);
    /// # Ok(()) }
    /// ```
    pub fn compression(mut self, compression: FileCompressionType) -> Self {
        self.options.compression = Some(compression);
        self
    }

    /// What happens to a CSV value that is not of its column's type (default: an error).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("years.csv");
    /// use partita::OnBadValue;
    /// std::fs::write(&path, "year\n2004\nold\n")?;
    /// let source = Source::csv(&path).option("types", "year BIGINT")?.on_bad_value(OnBadValue::Null);
    /// let years: Vec<(Option<i64>,)> = ctx.read(source).await?.collect_into().await?;
    /// assert_eq!(years, [(Some(2004),), (None,)]);
    /// # Ok(()) }
    /// ```
    pub fn on_bad_value(mut self, action: OnBadValue) -> Self {
        self.options.on_bad_value = action;
        self
    }

    /// Whether folders named `key=value` make columns (default: yes).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("month=1");
    /// # std::fs::create_dir(&path)?;
    /// std::fs::write(path.join("a.csv"), "n\n7\n")?;
    /// let files = ctx.read(Source::csv(folder.path()).hive_partitioning(false)).await?;
    /// assert_eq!(files.columns(), ["n"]);
    /// # Ok(()) }
    /// ```
    pub fn hive_partitioning(mut self, hive: bool) -> Self {
        self.options.hive = Some(hive);
        self
    }

    /// The Hive columns in the order of the folders, with their SQL types; by default both are inferred.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("month=1");
    /// # std::fs::create_dir(&path)?;
    /// std::fs::write(path.join("a.csv"), "n\n7\n")?;
    /// let files = ctx.read(Source::csv(folder.path()).partitioned_by([("month", "BIGINT")])).await?;
    /// assert_eq!(files.select(["month", "n"])?.collect_into::<(i64, i64)>().await?, [(1, 7)]);
    /// # Ok(()) }
    /// ```
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
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("pairs.csv");
    /// std::fs::write(&path, "a;b\n1;2\n")?;
    /// let pairs = ctx.read(Source::csv(&path).option("delim", ";")?).await?;
    /// assert_eq!(pairs.collect_into::<(i64, i64)>().await?, [(1, 2)]);
    /// # Ok(()) }
    /// ```
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
