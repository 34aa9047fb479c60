//! The join of two sides on disk, a pair of partitions at a time.

use std::sync::Arc;

use datafusion::arrow::array::BooleanArray;
use datafusion::arrow::compute::{filter_record_batch, is_not_null};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{JoinSide, JoinType, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::limit::LimitStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc::Sender;
use tokio::task::coop::consume_budget;

use super::attempt::ProbeSide;
use super::blocks;
use super::build_side::Spill;
use super::order::{in_order, number_rows};
use super::shape::Shape;
use super::table::{HashTable, TableJoin};
use crate::operator::slot::plan_of;
use crate::operator::spill::{
    DEEPEST, Kept, Loan, Partition, Partitioned, Partitioner, Segment, SpillFigures, rows_of,
};

/// What one output partition of a spilled join needs, before there is any row.
#[derive(Clone)]
pub(super) struct GraceJoin {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// What comes out at last.
    pub(super) schema: SchemaRef,
    pub(super) fetch: Option<usize>,
    pub(super) context: Arc<TaskContext>,
    pub(super) metrics: SpillFigures,
    pub(super) operator_metrics: ExecutionPlanMetricsSet,
    pub(super) partition: usize,
}

/// A partition of the build side and the probe rows that may meet it.
struct Pair {
    build: Partition,
    probe: Partition,
    level: usize,
}

impl Pair {
    /// The side that takes less memory, and how many bytes joining with it takes.
    fn smaller(&self, shape: &Shape) -> (JoinSide, usize) {
        let [build, probe] = [&self.build, &self.probe].map(|side| shape.while_building(&side.footprint()));
        if build <= probe { (JoinSide::Left, build) } else { (JoinSide::Right, probe) }
    }
}

impl GraceJoin {
    /// The rows of the join, made by a task of their own that ends when they are dropped.
    pub(super) fn start(self, build: Spill, probe: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
        let baseline = BaselineMetrics::new(&self.operator_metrics, self.partition);
        let (fetch, schema, ordered) = (self.fetch, Arc::clone(&self.schema), self.shape.is_ordered());
        let (context, figures) = (Arc::clone(&self.context), self.metrics.clone());
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(self.shape.output()), 2);
        let output = builder.tx();
        builder.spawn(async move { self.run(build, probe, output).await });
        let rows = match ordered {
            true => in_order(builder.build(), schema, context, figures)?,
            false => builder.build(),
        };
        Ok(Box::pin(LimitStream::new(rows, 0, fetch, baseline)))
    }

    async fn run(
        self,
        build: Spill,
        probe: SendableRecordBatchStream,
        output: Sender<Result<RecordBatch>>,
    ) -> Result<()> {
        let build = build.await.map_err(datafusion::common::DataFusionError::Shared)?;
        let probe = if self.shape.is_ordered() { number_rows(probe) } else { probe };
        let side = self.shape.probe_side(0);
        let partitioner = Partitioner::new(&side, self.loan().take(), &self.context, &self.metrics)?;
        let partitioner = partitioner.into_partitions(build.partitions());
        let mut join = PairJoin { join: &self, output, not_null: None };
        let probe = match build.take_kept() {
            Some(kept) => join.join_kept(kept, partitioner, probe).await?,
            None => partitioner.split(probe).await?,
        };
        let Some((build, probe)) = build.pair_with(probe, self.shape.emits_build_rows()) else { return Ok(()) };
        let Some(not_null) = self.not_in(&probe) else { return Ok(()) };
        join.not_null = not_null;
        let pairs = build.into_iter().zip(probe.partitions).map(|(build, probe)| Pair { build, probe, level: 1 });
        join.join_all(pairs.collect()).await
    }

    /// What a `NOT IN` makes of NULLs, of which no single pair knows: with a NULL on the probe side nothing comes out
    /// (none); with any row there, no build row whose key is NULL (the key that must not be).
    fn not_in(&self, probe: &Partitioned) -> Option<Option<Arc<dyn PhysicalExpr>>> {
        match self.shape.null_aware_key() {
            Some(_) if probe.null_keys => None,
            Some(key) if probe.rows => Some(Some(Arc::clone(key))),
            _ => Some(None),
        }
    }

    pub(super) fn loan(&self) -> Arc<Loan> {
        Loan::new(&self.name, &self.context, self.metrics.peak.clone())
    }
}

/// Joins pairs of partitions and sends what comes out.
pub(super) struct PairJoin<'a> {
    pub(super) join: &'a GraceJoin,
    output: Sender<Result<RecordBatch>>,
    not_null: Option<Arc<dyn PhysicalExpr>>,
}

impl PairJoin<'_> {
    async fn join_all(&self, mut pairs: Vec<Pair>) -> Result<()> {
        while let Some(pair) = pairs.pop() {
            if self.gives_nothing(&pair) {
                continue;
            }
            let loan = self.join.loan();
            let (held, taken) = pair.smaller(&self.join.shape);
            if loan.reserve(taken).is_ok() {
                self.join_in_memory(pair, held, &loan).await?;
            } else if pair.build.can_split() && pair.probe.rows() > 0 && pair.level < DEEPEST {
                pairs.extend(self.split(pair).await?);
            } else {
                blocks::join(self, pair.build, pair.probe).await?;
            }
        }
        Ok(())
    }

    fn gives_nothing(&self, pair: &Pair) -> bool {
        let join_type = self.join.shape.join_type();
        let without_probe =
            matches!(join_type, JoinType::Left | JoinType::Full | JoinType::LeftAnti | JoinType::LeftMark);
        (pair.build.rows() == 0 && join_type.empty_build_side_produces_empty_result())
            || (pair.probe.rows() == 0 && !without_probe)
    }

    /// Joins a pair whose `held` side is reserved.
    async fn join_in_memory(&self, pair: Pair, held: JoinSide, loan: &Arc<Loan>) -> Result<()> {
        let shape = &self.join.shape;
        let (build, probe) = self.sides(pair);
        match (shape.has_keys(), held) {
            (true, JoinSide::Left) => self.join_by_keys(held, build, probe, loan).await,
            (true, _) => self.join_by_keys(held, probe, build, loan).await,
            (false, JoinSide::Left) => {
                let probe = ProbeSide::new(probe).lend(Arc::clone(shape.probe()), loan);
                self.send_all(shape.whole(plan_of(build), plan_of(probe))?.into_plan()?, loan).await
            }
            (false, _) => {
                let build = ProbeSide::new(build).lend(Arc::clone(shape.build()), loan);
                self.send_all(shape.swapped(plan_of(build), plan_of(probe))?, loan).await
            }
        }
    }

    async fn join_by_keys(
        &self,
        side: JoinSide,
        held: SendableRecordBatchStream,
        mut streamed: SendableRecordBatchStream,
        loan: &Arc<Loan>,
    ) -> Result<()> {
        let mut join = self.table(side, held.try_collect().await?, loan)?;
        while let Some(batch) = streamed.next().await {
            self.pass(&mut join, batch?).await?;
        }
        self.finish(join).await
    }

    /// Joins what was kept of the build side with the probe rows that may meet it, as they come; the others are
    /// partitioned.
    async fn join_kept(
        &self,
        kept: Kept,
        partitioner: Partitioner<'_>,
        mut probe: SendableRecordBatchStream,
    ) -> Result<Partitioned> {
        let mut partitioner = partitioner.passing(kept.count());
        let (batches, loan) = kept.into_batches();
        let mut join = self.table(JoinSide::Left, batches, &loan)?;
        while let Some(batch) = probe.next().await {
            if let Some(rows) = partitioner.pass(batch?).await? {
                self.pass(&mut join, rows).await?;
            }
        }
        self.finish(join).await?;
        drop(loan);
        partitioner.finish().await
    }

    /// A table of `batches`, for which `loan` is granted.
    fn table(&self, held: JoinSide, batches: Vec<RecordBatch>, loan: &Loan) -> Result<TableJoin<HashTable>> {
        let (shape, batch_size) = (&self.join.shape, self.join.context.session_config().batch_size());
        let (held_side, streamed) = match held {
            JoinSide::Left => (shape.build_side(0), shape.probe_side(0)),
            _ => (shape.probe_side(0), shape.build_side(0)),
        };
        let table = Arc::new(HashTable::new(&held_side, streamed, batches)?);
        let table = TableJoin::new(shape.clone(), held, table, batch_size);
        loan.shrink_to(table.bytes());
        Ok(table)
    }

    async fn pass(&self, join: &mut TableJoin<HashTable>, streamed: RecordBatch) -> Result<()> {
        let mut passing = join.start(streamed)?;
        while join.step(&mut passing)? {
            self.send_ready(join).await;
            // Where nothing comes out the query can be ended too.
            consume_budget().await;
        }
        self.send_ready(join).await;
        Ok(())
    }

    async fn finish(&self, mut join: TableJoin<HashTable>) -> Result<()> {
        while join.finish()? {
            self.send_ready(&mut join).await;
        }
        self.send_ready(&mut join).await;
        Ok(())
    }

    async fn send_ready(&self, join: &mut TableJoin<HashTable>) {
        while let Some(batch) = join.next() {
            self.send(batch).await;
        }
    }

    fn sides(&self, pair: Pair) -> (SendableRecordBatchStream, SendableRecordBatchStream) {
        let probe = rows_of(pair.probe.segments, Arc::clone(self.join.shape.probe()), self.join.loan().share());
        (self.build_rows(pair.build.segments), probe)
    }

    async fn send_all(&self, plan: Arc<dyn ExecutionPlan>, loan: &Arc<Loan>) -> Result<()> {
        let mut rows = plan.execute(0, loan.task(&self.join.context))?;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            self.send(self.join.shape.batch(batch.columns().to_vec(), batch.num_rows())?).await;
        }
        Ok(())
    }

    /// Partitions both sides again, by other bits of their keys.
    async fn split(&self, pair: Pair) -> Result<impl Iterator<Item = Pair>> {
        let shape = &self.join.shape;
        let build = shape.build_side(pair.level);
        let probe = shape.probe_side(pair.level);
        let new = |side| Partitioner::new(side, self.join.loan().take(), &self.join.context, &self.join.metrics);
        let level = pair.level + 1;
        let (build_rows, probe_rows) = self.sides(pair);
        let build = new(&build)?.split(build_rows).await?;
        let probe = new(&probe)?.into_partitions(build.partitions.len()).split(probe_rows).await?;
        let pairs = build.partitions.into_iter().zip(probe.partitions);
        Ok(pairs.map(move |(build, probe)| Pair { build, probe, level }))
    }

    /// The build rows of `segments`, without those that a `NOT IN` leaves out.
    pub(super) fn build_rows(&self, segments: Vec<Segment>) -> SendableRecordBatchStream {
        let schema = self.join.shape.build();
        let rows = rows_of(segments, Arc::clone(schema), self.join.loan().share());
        let Some(key) = self.not_null.clone() else { return rows };
        let rows = rows.and_then(move |batch| futures::future::ready(with_key(&key, &batch)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), rows))
    }

    /// Sends a batch on. When nobody listens any more the task is about to be ended.
    pub(super) async fn send(&self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            let _ = self.output.send(Ok(batch)).await;
        }
    }
}

fn with_key(key: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<RecordBatch> {
    let values = key.evaluate(batch)?.into_array(batch.num_rows())?;
    let kept: BooleanArray = is_not_null(&values)?;
    Ok(filter_record_batch(batch, &kept)?)
}
