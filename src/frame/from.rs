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
    pub async fn read(&self, source: Source) -> Result<Frame> {
        let provider = source.provider(&self.session().state()).await?;
        let name = source.stem().unwrap_or_else(|| "files".to_string());
        let scanned = self.scan(TableReference::bare(unique(&name)), provider)?;
        scanned.alias(name)
    }

    /// CSV files; [`read`](Self::read) with [`Source::csv`], which has options.
    pub async fn read_csv(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::csv(paths)).await
    }

    /// JSON files; [`read`](Self::read) with [`Source::json`].
    pub async fn read_json(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::json(paths)).await
    }

    /// Parquet files; [`read`](Self::read) with [`Source::parquet`].
    pub async fn read_parquet(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::parquet(paths)).await
    }

    /// Arrow IPC files; [`read`](Self::read) with [`Source::arrow`].
    pub async fn read_arrow(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::arrow(paths)).await
    }

    /// Avro files; [`read`](Self::read) with [`Source::avro`].
    pub async fn read_avro(&self, paths: impl Into<Paths>) -> Result<Frame> {
        self.read(Source::avro(paths)).await
    }

    /// Batches at hand, in exactly so many partitions, each with the next share of the rows. They are held in the budget,
    /// and go to disk when others need the room.
    ///
    /// Errors: no batch, whose columns nobody knows; batches of different columns; no partition; a full disk.
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
    pub fn register(&self, name: &str) -> Result<()> {
        let name = TableReference::bare(name);
        self.context.session().register_table(name, Arc::new(ViewTable::new(self.plan.clone(), None)))?;
        Ok(())
    }

    /// Plans one SQL statement in which the frame is the table `self`.
    ///
    /// Errors: as for [`Context::sql`].
    pub async fn sql(&self, text: &str) -> Result<Self> {
        self.context.sql_over(text, Some(&self.plan)).await
    }

    /// The only value of a frame of one row and one column, as an expression for other frames: SQL's `(SELECT max(x) …)`.
    /// NULL where the frame has no row; more than one row is an error of the run.
    ///
    /// Errors: a frame of several columns.
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
