//! Frames as partitions.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::common::stats::Precision;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use super::Frame;
use super::expression::IntoColumns;
use crate::error::{Error, Result};
use crate::operator::{MapFunction, boxed, drive};
use crate::plan::{PartitionNode, Partitions, cancellable_joins};

/// # Partitions
///
/// A frame runs in partitions, each in a task of its own. A scan has one a file, or a range of one large file, and as
/// many as the context has threads; what a frame is made of decides the rest. [`repartition`](Frame::repartition) and
/// its siblings say how many there are.
///
/// ```
/// # use futures::{StreamExt, TryStreamExt};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().threads(2).build()?;
/// let frame = ctx.sql("SELECT value, value % 10 AS digit FROM generate_series(1, 1000)").await?;
/// let eight = frame.repartition(8)?;
/// assert_eq!(eight.npartitions().await?, 8);
/// assert_eq!(eight.partition(3)?.count().await?, 125);
///
/// // Equal digits are in one partition: each can be counted alone.
/// let by_digit = frame.repartition_by([col("digit")], 4)?;
/// let streams = by_digit.streams().await?;
/// assert_eq!(streams.len(), 4);
///
/// // A function over the batches of each partition.
/// let schema = by_digit.schema();
/// let first = by_digit.map_partitions(&schema, |batches, _number| batches.map_ok(|batch| batch.slice(0, 1)))?;
/// assert!(first.count().await? >= 1);
/// # Ok(()) }
/// ```
impl Frame {
    /// How many partitions the frame has: what [`streams`](Self::streams) gives and
    /// [`map_partitions`](Self::map_partitions) maps. Plans the frame and runs nothing.
    ///
    /// Errors: what planning finds.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// assert_eq!(ctx.range(0..1000)?.repartition(8)?.npartitions().await?, 8);
    /// # Ok(()) }
    /// ```
    pub async fn npartitions(&self) -> Result<usize> {
        Ok(self.partitions().await?.output_partitioning().partition_count())
    }

    /// The same rows in exactly `count` partitions of about the same number of rows, whatever the number of threads.
    /// Rows change their order.
    ///
    /// Errors: no partitions.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let dealt = ctx.range(0..800)?.repartition(8)?;
    /// assert_eq!(dealt.npartitions().await?, 8);
    /// assert_eq!(dealt.partition(0)?.count().await?, 100);
    /// # Ok(()) }
    /// ```
    pub fn repartition(&self, count: usize) -> Result<Frame> {
        at_least_one(count)?;
        Ok(self.with_partitions(Partitions::Count(count)))
    }

    /// The same rows in exactly `count` partitions, those with equal keys together. Later joins and groupings on exactly
    /// these keys take the partitions as they are, without another exchange, where there are at least as many as threads
    /// and, in a join, as many on the other side; persisted frames remember their keys.
    ///
    /// Errors: no keys, no partitions; a key that is no expression over the columns.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let digits = ctx.range(0..1000)?.with_column("digit", col("value") % 10)?;
    /// let by_digit = digits.repartition_by("digit", 4)?;
    /// assert_eq!(by_digit.npartitions().await?, 4);
    /// assert_eq!(by_digit.group_by("digit")?.count()?.count().await?, 10);
    /// # Ok(()) }
    /// ```
    pub fn repartition_by(&self, keys: impl IntoColumns, count: usize) -> Result<Frame> {
        at_least_one(count)?;
        let keys = self.values(keys.into_columns())?;
        if keys.is_empty() {
            return Err(Error::user("repartition_by wants a key").with_hint("repartition(n) deals rows out in turn"));
        }
        Ok(self.with_partitions(Partitions::Keys(keys, count)))
    }

    /// The same rows in partitions of about `bytes` each, in memory. How many that makes is told by the sources'
    /// statistics: exactly for [persisted](Self::persist) frames, about for Parquet files and what is computed from them.
    ///
    /// Errors: no bytes; a frame of which nothing is known, such as CSV files: persist it first.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..100_000)?.persist().await?; // 8 bytes each
    /// let sized = numbers.repartition_by_size(200_000).await?;
    /// assert!(sized.npartitions().await? >= 4);
    /// # Ok(()) }
    /// ```
    pub async fn repartition_by_size(&self, bytes: u64) -> Result<Frame> {
        if bytes == 0 {
            return Err(Error::user("a partition of no bytes holds no rows"));
        }
        let plan = self.partitions().await?;
        let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
        let total = match statistics.total_byte_size {
            Precision::Exact(total) | Precision::Inexact(total) => total as u64,
            Precision::Absent => {
                return Err(Error::user("the frame's size is not known before it has run")
                    .with_hint("persist() it first, or use repartition(n)"));
            }
        };
        self.repartition(usize::try_from(total.div_ceil(bytes)).unwrap_or(usize::MAX).max(1))
    }

    /// A frame of what `function` makes of each partition: it takes the partition's batches as a stream, and its number
    /// from 0, and gives a stream of batches of `schema`. Names, order and types are checked batch by batch.
    ///
    /// What the function holds is not counted in the memory limit: map batches one at a time where you can. An error or a
    /// panic in it ends the query with an error.
    ///
    /// Errors: two columns of one name.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use futures::TryStreamExt;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let dealt = ctx.range(0..1000)?.repartition(4)?;
    /// let schema = dealt.schema();
    /// let first = dealt.map_partitions(&schema, |batches, _number| batches.map_ok(|batch| batch.slice(0, 1)))?;
    /// assert!(first.count().await? >= 4); // a row of each batch
    /// # Ok(()) }
    /// ```
    pub fn map_partitions<F, S>(&self, schema: &Schema, function: F) -> Result<Frame>
    where
        F: Fn(BoxStream<'static, Result<RecordBatch>>, usize) -> S + Send + Sync + 'static,
        S: Stream<Item = Result<RecordBatch>> + Send + 'static,
    {
        let schema = Arc::new(DFSchema::try_from(schema.clone())?);
        let function = MapFunction::new(Arc::new(move |batches, number| function(batches, number).boxed()));
        Ok(self.with_partitions(Partitions::Mapped(function, schema)))
    }

    /// One partition as a frame, counted from 0. The others are not run, unless they exchange rows with it.
    ///
    /// Errors: none here; the frame's run fails if there is no such partition.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// assert_eq!(ctx.range(0..800)?.repartition(8)?.partition(3)?.count().await?, 100);
    /// # Ok(()) }
    /// ```
    pub fn partition(&self, number: usize) -> Result<Frame> {
        Ok(self.with_partitions(Partitions::Picked(number)))
    }

    /// Starts the frame and gives one stream of batches for each partition. They may be read in any order, at any pace,
    /// one after the other or all at once; dropping one is no error, dropping all ends the query.
    ///
    /// Errors: what planning finds. What goes wrong later comes out of the streams.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # use futures::TryStreamExt;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let mut total = 0;
    /// for stream in ctx.range(0..1000)?.repartition(4)?.streams().await? {
    ///     total += stream.try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) }).await?;
    /// }
    /// assert_eq!(total, 1000);
    /// # Ok(()) }
    /// ```
    pub async fn streams(&self) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
        let plan = cancellable_joins(self.partitions().await?, &Default::default())?;
        let task = Arc::new(TaskContext::from(&self.context.session().state()));
        Ok(drive(&plan, &task)?.into_iter().map(boxed).collect())
    }

    /// The physical plan, with its partitions as a function over them finds them.
    pub(super) async fn partitions(&self) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = PartitionNode::plan(self.plan.clone(), Partitions::Kept);
        Ok(self.context.session().state().create_physical_plan(&plan).await?)
    }

    fn with_partitions(&self, partitions: Partitions) -> Frame {
        Frame::new(self.context.clone(), PartitionNode::plan(self.plan.clone(), partitions))
    }
}

fn at_least_one(count: usize) -> Result<()> {
    match count {
        0 => Err(Error::user("a frame has at least one partition")),
        _ => Ok(()),
    }
}
