//! Where frames come from, and how they meet SQL.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{TableFunctionArgs, TableProvider};
use datafusion::common::{Constraints, TableReference};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{self as engine, LogicalPlanBuilder};

use super::Frame;
use super::expression::{Expr, lit};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::source::{Paths, Source, StoredTable};

/// Where frames come from. What looks at files is async; nothing is read before a frame runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// # let folder = tempfile::tempdir()?;
/// let ctx = Context::builder().build()?;
/// let numbers = ctx.range(0..100)?;
/// # let path = |name: &str| folder.path().join(name);
/// numbers.write_csv(path("n.csv")).await?;
/// numbers.write_json(path("n.json")).await?;
/// numbers.write_parquet(path("n.parquet")).await?;
/// numbers.write_arrow(path("n.arrow")).await?;
/// let files = [
///     ctx.read_csv(path("n.csv")).await?,
///     ctx.read_json(path("n.json")).await?,
///     ctx.read_parquet(path("n.parquet")).await?,
///     ctx.read_arrow(path("n.arrow")).await?,
///     ctx.read(Source::csv(path("n.csv")).null_words(["7"])).await?,
/// ];
/// assert!(ctx.read_avro(path("n.avro")).await.is_err(), "there is no such file");
///
/// let held = ctx.from_batches(numbers.compute().await?, 4)?;
/// held.register("numbers")?;
/// let large = ctx.table("numbers").await?.filter(col("value").gt(90))?;
/// let evens = large.sql("SELECT value FROM self WHERE value % 2 = 0").await?;
/// let most = numbers.filter(col("value").eq(evens.agg([max("value")])?.scalar()?))?;
/// datafusion::assert_batches_eq!(
///     ["+-------+", "| value |", "+-------+", "| 98    |", "+-------+"], &most.compute().await?
/// );
/// # Ok(()) }
/// ```
impl Context {
    /// A table or a view of the catalog, by its name as it is; `schema.name` where no table has the whole name.
    ///
    /// Errors: a name that no table has, with the nearest that one has.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// ctx.range(0..10)?.register("numbers")?;
    /// assert_eq!(ctx.table("numbers").await?.count().await?, 10);
    /// let error = ctx.table("nubmers").await.unwrap_err();
    /// assert_eq!(error.report(), "table 'nubmers' not found\nhint: did you mean 'numbers'?");
    /// # Ok(()) }
    /// ```
    pub async fn table(&self, name: &str) -> Result<Frame> {
        for reference in [TableReference::bare(name), TableReference::parse_str(name)] {
            if self.session().table_exist(reference.clone())? {
                let provider = self.session().table_provider(reference.clone()).await?;
                return self.scan(reference, provider);
            }
        }
        let tables = self.table_names();
        let names = tables.iter().map(String::as_str);
        Err(Error::user(format!("table '{name}' not found")).did_you_mean(name, names, "ctx.register makes tables"))
    }

    /// Files or generated rows without a name in the catalog.
    ///
    /// Errors: as for [`register`](Self::register).
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let planes = ctx.read(Source::csv("queries/data/planes.csv").null_words(["NA"])).await?;
    /// assert_eq!(planes.count().await?, 3322);
    /// # Ok(()) }
    /// ```
    pub async fn read(&self, source: Source) -> Result<Frame> {
        let provider = source.provider(&self.session().state()).await?;
        let name = source.stem().unwrap_or_else(|| "files".to_string());
        let scanned = self.scan(TableReference::bare(unique(&name)), provider)?;
        scanned.alias(name)
    }

    /// CSV files; [`read`](Self::read) with [`Source::csv`], which has options.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let airlines = ctx.read_csv("queries/data/airlines.csv").await?;
    /// assert_eq!(airlines.columns(), ["carrier", "name"]);
    /// assert_eq!(airlines.count().await?, 16);
    /// # Ok(()) }
    /// ```
    pub async fn read_csv(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::csv(paths)).await
    }

    /// JSON files; [`read`](Self::read) with [`Source::json`].
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.json");
    /// ctx.range(0..10)?.write_json(&path).await?;
    /// assert_eq!(ctx.read_json(&path).await?.count().await?, 10);
    /// # Ok(()) }
    /// ```
    pub async fn read_json(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::json(paths)).await
    }

    /// Parquet files; [`read`](Self::read) with [`Source::parquet`].
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let flights = ctx.read_parquet("queries/data/flights").await?;
    /// assert_eq!(flights.count().await?, 336_776);
    /// # Ok(()) }
    /// ```
    pub async fn read_parquet(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::parquet(paths)).await
    }

    /// Arrow IPC files; [`read`](Self::read) with [`Source::arrow`].
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("numbers.arrow");
    /// ctx.range(0..10)?.write_arrow(&path).await?;
    /// assert_eq!(ctx.read_arrow(&path).await?.count().await?, 10);
    /// # Ok(()) }
    /// ```
    pub async fn read_arrow(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::arrow(paths)).await
    }

    /// Avro files; [`read`](Self::read) with [`Source::avro`].
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
    /// let numbers = ctx.read_avro(&path).await?;
    /// assert_eq!(numbers.collect_into::<(i64,)>().await?, [(1,), (2,)]);
    /// # Ok(()) }
    /// ```
    pub async fn read_avro(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::avro(paths)).await
    }

    /// Batches at hand, in exactly so many partitions, each with the next share of the rows. They are held in the budget,
    /// and go to disk when others need the room.
    ///
    /// Errors: no batch, whose columns nobody knows; batches of different columns; no partition; a full disk.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use datafusion::arrow::array::{Int64Array, RecordBatch};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as _)])?;
    /// let numbers = ctx.from_batches(vec![batch], 2)?;
    /// assert_eq!(numbers.agg([sum("n")])?.collect_into::<(i64,)>().await?, [(6,)]);
    /// # Ok(()) }
    /// ```
    pub fn from_batches(&self, batches: Vec<RecordBatch>, partitions: usize) -> Result<Frame> {
        let Some(first) = batches.first() else {
            return Err(Error::user("no batches have no columns").with_hint("give one batch of no rows"));
        };
        if partitions == 0 {
            return Err(Error::user("a frame wants at least one partition"));
        }
        let schema = first.schema();
        if let Some(other) = batches.iter().find(|batch| !same_columns(batch, first)) {
            let columns =
                |batch: &RecordBatch| batch.schema().fields().iter().map(|f| f.name().clone()).collect::<Vec<_>>();
            return Err(Error::user("the batches have different columns").with_hint(format!(
                "{:?} and {:?}",
                columns(first),
                columns(other)
            )));
        }
        let name = unique("batches");
        let table = StoredTable::new(self.shared_memory(), &name, schema, Constraints::default(), [].into());
        table.fill_with(batches, partitions, self.session().state().config().batch_size())?;
        self.scan(TableReference::bare(name), Arc::new(table))
    }

    /// The whole numbers of a range as the column `value`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// assert_eq!(ctx.range(3..6)?.collect_into::<(i64,)>().await?, [(3,), (4,), (5,)]);
    /// # Ok(()) }
    /// ```
    pub fn range(&self, numbers: Range<i64>) -> Result<Frame> {
        let state = self.session().state();
        let function = state.table_functions().get("range").cloned();
        let function = function.ok_or_else(|| Error::internal("the function range is missing"))?;
        let arguments = [numbers.start, numbers.end].map(|number| lit(number).0);
        let provider = function.create_table_provider_with_args(TableFunctionArgs::new(&arguments, &state))?;
        self.scan(TableReference::bare("range()"), provider)
    }

    fn scan(&self, name: TableReference, provider: Arc<dyn TableProvider>) -> Result<Frame> {
        let plan = LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?.build()?;
        Ok(Frame::new(self.clone(), plan))
    }
}

/// Frames and SQL; [`Context::from_batches`](Context#method.from_batches) has an example.
impl Frame {
    /// Makes the frame a view of the catalog, in place of a table of that name, as it is: SQL can name it. It runs anew
    /// wherever it is used.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// ctx.range(0..10)?.filter(col("value").gt(5))?.register("large_numbers")?;
    /// let counted = ctx.sql("SELECT count(*) AS n FROM large_numbers").await?;
    /// assert_eq!(counted.collect_into::<(i64,)>().await?, [(4,)]);
    /// # Ok(()) }
    /// ```
    pub fn register(&self, name: &str) -> Result<()> {
        let name = TableReference::bare(name);
        self.context.session().register_table(name, Arc::new(ViewTable::new(self.plan.clone(), None)))?;
        Ok(())
    }

    /// Plans one SQL statement in which the frame is the table `self`.
    ///
    /// Errors: as for [`Context::sql`].
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let even = ctx.range(0..6)?.sql("SELECT value FROM self WHERE value % 2 = 0").await?;
    /// assert_eq!(even.collect_into::<(i64,)>().await?, [(0,), (2,), (4,)]);
    /// # Ok(()) }
    /// ```
    pub async fn sql(&self, text: &str) -> Result<Self> {
        self.context.sql_over(text, Some(&self.plan)).await
    }

    /// The only value of a frame of one row and one column, as an expression for other frames: SQL's `(SELECT max(x) …)`.
    /// NULL where the frame has no row; more than one row is an error of the run.
    ///
    /// Errors: a frame of several columns.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// let most = numbers.agg([max("value")])?.scalar()?;
    /// assert_eq!(numbers.filter(col("value").eq(most))?.collect_into::<(i64,)>().await?, [(9,)]);
    /// # Ok(()) }
    /// ```
    pub fn scalar(&self) -> Result<Expr> {
        match self.columns().len() {
            1 => Ok(Expr(engine::scalar_subquery(self.shared_plan()))),
            columns => Err(Error::user(format!("a value is one column, not {columns}")).with_hint("select it")),
        }
    }
}

fn same_columns(a: &RecordBatch, b: &RecordBatch) -> bool {
    let (a, b) = (a.schema(), b.schema());
    a.fields().len() == b.fields().len()
        && a.fields().iter().zip(b.fields()).all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type())
}

/// A name that no other scan has: the engine takes scans of one name for the same rows.
fn unique(name: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(1);
    format!("{name} #{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}
