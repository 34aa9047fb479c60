//! Running a frame for its rows.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;

use super::{Frame, values};
use crate::error::{Error, Result};
use crate::report::Run;

/// # Rows
///
/// ```
/// # use futures::TryStreamExt;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// #[derive(serde::Deserialize)]
/// struct Sale {
///     id: i64,
///     price: String, // a decimal, to its last digit
///     note: Option<String>,
/// }
///
/// let ctx = partita::Context::builder().build()?;
/// let sql = "SELECT value AS id, CAST(value AS DECIMAL(9, 2)) AS price, NULL AS note FROM generate_series(1, 250)";
/// let sales = ctx.sql(sql).await?;
/// assert_eq!(sales.count().await?, 250);
///
/// let sold: Vec<Sale> = sales.collect_into().await?;
/// assert_eq!((sold[6].id, sold[6].price.as_str(), &sold[6].note), (7, "7.00", &None));
///
/// let batches: Vec<_> = sales.batches(100).await?.try_collect().await?;
/// assert_eq!(batches.iter().map(|batch| batch.num_rows()).collect::<Vec<_>>(), [100, 100, 50]);
/// # Ok(()) }
/// ```
impl Frame {
    /// Runs the frame for the number of its rows; columns that do not matter for it are not read.
    ///
    /// Errors: what goes wrong in the query.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// assert_eq!(ctx.range(0..100)?.filter(col("value").lt(10))?.count().await?, 10);
    /// # Ok(()) }
    /// ```
    pub async fn count(&self) -> Result<u64> {
        let plan =
            LogicalPlanBuilder::from(self.plan.clone()).aggregate(Vec::<Expr>::new(), [count(lit(1))])?.build()?;
        let batches: Vec<_> = Frame::new(self.context.clone(), plan).run().await?.try_collect().await?;
        let counts = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        u64::try_from(counts.sum::<i64>()).map_err(|_| Error::internal("a count is below zero"))
    }

    /// Runs the frame as a stream of batches of exactly `rows` rows, but for the last, across the partitions. Dropping the
    /// stream ends the query.
    ///
    /// What is gathered for a batch is reserved in the budget, so that a batch fits into the memory limit or is refused.
    ///
    /// Errors: no rows; what planning finds. What goes wrong later comes out of the stream.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use futures::TryStreamExt;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let batches: Vec<_> = ctx.range(0..25)?.batches(10).await?.try_collect().await?;
    /// assert_eq!(batches.iter().map(|batch| batch.num_rows()).collect::<Vec<_>>(), [10, 10, 5]);
    /// # Ok(()) }
    /// ```
    pub async fn batches(&self, rows: usize) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        if rows == 0 {
            return Err(Error::user("a batch of no rows would never end"));
        }
        let run = self.run().await?;
        let coalescer = BatchCoalescer::new(run.schema(), rows);
        let held = MemoryConsumer::new("Batches").register(&self.context.memory().runtime.memory_pool);
        let gather = Gather { run, coalescer, held, ended: false };
        Ok(futures::stream::try_unfold(gather, Gather::next).boxed())
    }

    /// Runs the frame and makes a value of each row: `T` is a struct with a field for each column that it wants, a tuple
    /// of the columns in their order, or a map.
    ///
    /// Text, booleans, integers and floats are what they are, lists are sequences, structs are structs or maps, NULL wants
    /// an [`Option`]. Decimals, dates and times are the text that SQL shows, with every digit, where the type asks for
    /// text; a decimal can be a float, a date or time an integer (days, seconds, microseconds … as the column counts).
    ///
    /// Errors: what goes wrong in the query; a row that is no `T`, with its number and column.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let words = ctx.sql("SELECT * FROM (VALUES (1, 'one'), (2, NULL)) AS t (n, word)").await?;
    /// let rows: Vec<(i64, Option<String>)> = words.collect_into().await?;
    /// assert_eq!(rows, [(1, Some("one".to_string())), (2, None)]);
    /// # Ok(()) }
    /// ```
    pub async fn collect_into<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let mut run = self.run().await?;
        let mut values = Vec::new();
        while let Some(batch) = run.try_next().await? {
            values::append(&batch, values.len() as u64, &mut values)?;
        }
        Ok(values)
    }
}

/// Batches on their way to their exact size.
struct Gather {
    run: Run,
    coalescer: BatchCoalescer,
    held: MemoryReservation,
    ended: bool,
}

impl Gather {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(ready) = self.coalescer.next_completed_batch() {
                if !self.coalescer.has_completed_batch() {
                    self.held.free();
                }
                return Ok(Some((ready, self)));
            }
            if self.ended {
                return Ok(None);
            }
            match self.run.try_next().await? {
                Some(batch) => {
                    self.held.try_grow(batch.get_array_memory_size())?;
                    self.coalescer.push_batch(batch)?;
                }
                None => {
                    self.ended = true;
                    self.coalescer.finish_buffered_batch()?;
                }
            }
        }
    }
}
