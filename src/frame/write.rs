//! Frames into files.

use std::collections::HashMap;
use std::future::IntoFuture;
use std::path::Path;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::datasource::file_format::format_as_file_type;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use super::Frame;
use crate::error::{Error, Result};
use crate::plan::sized_files;
use crate::report::Run;
use crate::sink::{self, Style, Words, target_url};

/// A write that has not begun: `await` it. It yields the number of rows.
///
/// Nothing of it is visible before all of it is there: files are written in a hidden folder and moved to their places
/// when the last row has come. An error, a cancel or a drop leaves nothing behind.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("numbers.csv");
/// let write = ctx.range(0..10)?.write_csv(&path);
/// assert!(!path.exists());
/// assert_eq!(write.await?, 10);
/// assert!(path.exists());
/// # Ok(()) }
/// ```
#[must_use = "a write does nothing until it is awaited"]
#[derive(Debug)]
pub struct Write {
    frame: Frame,
    target: String,
    format: &'static str,
    partition_by: Vec<String>,
    options: Vec<(String, String)>,
    file_size: Option<u64>,
}

impl Frame {
    /// Writes the rows as Parquet (zstd): one file if `path` has an extension, which replaces one that is there; else
    /// a folder, to which files are added.
    ///
    /// Errors: what goes wrong in the query; a place that cannot be written to.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("squares.parquet");
    /// let ctx = partita::Context::builder().build()?;
    /// let squares = ctx.sql("SELECT value, value * value AS square FROM generate_series(1, 100)").await?;
    /// assert_eq!(squares.write_parquet(&path).await?, 100);
    /// # Ok(()) }
    /// ```
    pub fn write_parquet(&self, path: impl AsRef<Path>) -> Write {
        self.write("parquet", path.as_ref())
    }

    /// Writes the rows as CSV with a header; file or folder as for [`write_parquet`](Self::write_parquet). `.tsv` has
    /// tabs for commas; `.csv.gz`, `.zst`, `.bz2` and `.xz` are compressed.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("flights");
    /// let ctx = partita::Context::builder().build()?;
    /// let frame = ctx.sql("SELECT value AS n, value % 2 AS odd FROM generate_series(1, 10)").await?;
    /// frame.write_csv(&path).partition_by(["odd"]).option("delimiter", ";").await?;
    /// assert!(path.join("odd=1").is_dir());
    /// # Ok(()) }
    /// ```
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Write {
        let path = path.as_ref();
        let tabs = path.to_string_lossy().to_lowercase().split('.').any(|part| part == "tsv");
        self.write(if tabs { "tsv" } else { "csv" }, path)
    }

    /// Writes the rows as JSON, an object a line; file or folder as for [`write_parquet`](Self::write_parquet),
    /// compressed by extension as for [`write_csv`](Self::write_csv).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("one.ndjson");
    /// let ctx = partita::Context::builder().build()?;
    /// ctx.sql("SELECT 1 AS one").await?.write_json(&path).await?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "{\"one\":1}\n");
    /// # Ok(()) }
    /// ```
    pub fn write_json(&self, path: impl AsRef<Path>) -> Write {
        self.write("json", path.as_ref())
    }

    /// Writes the rows as Arrow IPC; file or folder as for [`write_parquet`](Self::write_parquet).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("one.arrow");
    /// let ctx = partita::Context::builder().build()?;
    /// assert_eq!(ctx.sql("SELECT 1 AS one").await?.write_arrow(&path).await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn write_arrow(&self, path: impl AsRef<Path>) -> Write {
        self.write("arrow", path.as_ref())
    }

    /// Runs the frame and prints its first and last rows as a table to the standard output, as wide as the terminal.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// let ctx = partita::Context::builder().build()?;
    /// ctx.sql("SELECT value FROM generate_series(1, 1000)").await?.show().await?;
    /// # Ok(()) }
    /// ```
    pub async fn show(&self) -> Result<()> {
        let mut run = self.run().await?;
        let output = Box::new(std::io::BufWriter::new(std::io::stdout()));
        let mut table = sink::to_writer(sink::Format::Table, &Style::terminal(), output);
        table.begin(&run.schema())?;
        while let Some(batch) = run.try_next().await? {
            table.write(&batch)?;
        }
        table.finish()
    }

    fn write(&self, format: &'static str, path: &Path) -> Write {
        let target = path.to_string_lossy().into_owned();
        Write { frame: self.clone(), target, format, partition_by: Vec::new(), options: Vec::new(), file_size: None }
    }
}

impl Write {
    /// Writes a folder with one folder per value of the columns, `year=2013/month=1/…`; the files then do not hold
    /// these columns. NULL in one of them is an error.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers");
    /// let numbers = ctx.range(0..10)?.with_column("odd", col("value") % 2)?;
    /// numbers.write_parquet(&path).partition_by(["odd"]).await?;
    /// assert!(path.join("odd=0").is_dir() && path.join("odd=1").is_dir());
    /// assert_eq!(ctx.read_parquet(&path).await?.filter(col("odd").eq(1))?.count().await?, 5);
    /// # Ok(()) }
    /// ```
    pub fn partition_by<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.partition_by = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Writes a folder of files of about `bytes` each, not larger by more than a batch of rows: the last of the folder, or of
    /// each partition's folder, is smaller. Sizes are those of Parquet before its last row group is compressed, and of the
    /// text of CSV and JSON before it is; CSV and JSON with partitions, and Arrow, cannot.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers");
    /// ctx.range(0..100_000)?.write_csv(&path).file_size(100_000).await?;
    /// assert!(std::fs::read_dir(&path)?.count() > 1);
    /// # Ok(()) }
    /// ```
    pub fn file_size(mut self, bytes: u64) -> Self {
        self.file_size = Some(bytes.max(1));
        self
    }

    /// Starts the write: a [`Run`] with live figures, which can be cancelled. Its rows are the number of rows written.
    ///
    /// Errors: what planning finds; a file size for a single file.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use futures::TryStreamExt;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.csv");
    /// let mut run = ctx.range(0..2)?.write_csv(&path).run().await?;
    /// while run.try_next().await?.is_some() {}
    /// assert_eq!(std::fs::read_to_string(&path)?, "value\n0\n1\n");
    /// # Ok(()) }
    /// ```
    pub async fn run(self) -> Result<Run> {
        let plan = self.plan()?;
        let single = Path::new(&self.target).extension().is_some() && self.partition_by.is_empty();
        match self.file_size {
            None => Run::start(&self.frame.context, plan).await,
            Some(_) if single => {
                Err(Error::user(format!("'{}' is one file, which has no size to keep to", self.target))
                    .with_hint("name a folder, without an extension"))
            }
            Some(bytes) => Run::start_with(&self.frame.context, plan, |plan| sized_files(plan, bytes)).await,
        }
    }

    /// Sets an option of the format by its name in COPY: `header`, `delimiter`, `null`, `compression` …
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("frame.csv");
    /// let frame = ctx.sql("SELECT 1 AS a, 2 AS b").await?;
    /// frame.write_csv(&path).option("delimiter", ";").await?;
    /// assert_eq!(std::fs::read_to_string(&path)?, "a;b\n1;2\n");
    /// # Ok(()) }
    /// ```
    pub fn option(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.options.push((name.into(), value.to_string()));
        self
    }

    fn plan(&self) -> Result<LogicalPlan> {
        let words = Words::new(&self.target, Some(self.format), self.options.clone())?;
        let state = self.frame.context.session().state();
        let factory = state
            .get_file_format_factory(words.format)
            .ok_or_else(|| Error::internal(format!("{} files cannot be written", words.format)))?;
        let options: HashMap<_, _> = words.options.into_iter().collect();
        let input = self.frame.plan.clone();
        let target = target_url(&self.target)?;
        let copy = LogicalPlanBuilder::copy_to(
            input,
            target,
            format_as_file_type(factory),
            options,
            self.partition_by.clone(),
        );
        Ok(copy?.build()?)
    }
}

impl IntoFuture for Write {
    type Output = Result<u64>;
    type IntoFuture = BoxFuture<'static, Result<u64>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut run = self.run().await?;
            let mut rows = 0;
            while let Some(counts) = run.try_next().await? {
                rows += counts.column(0).as_primitive::<UInt64Type>().values().iter().sum::<u64>();
            }
            Ok(rows)
        })
    }
}
