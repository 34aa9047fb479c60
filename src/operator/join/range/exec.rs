//! The operator: a nested-loop join that looks for partners in a sorted table.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::BooleanBufferBuilder;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, JoinSide, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::future::{BoxFuture, FutureExt, Shared};
use futures::{Stream, StreamExt, TryStreamExt};
use parking_lot::Mutex;

use super::bounds::Bounds;
use super::range_table::{RangeTable, Sought};
use crate::error::Error;
use crate::operator::join::EngineJoin;
use crate::operator::join::shape::Shape;
use crate::operator::join::table::{Passing, Table, TableJoin};
use crate::operator::row_count;

/// After so many steps without a row, others get their turn.
const STEPS_AT_ONCE: usize = 16;

/// The join that `plan` is, or has below its projection, by ranges where its filter gives some.
pub(in crate::operator::join) fn ranged(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    if plan.is::<ProjectionExec>() {
        let children = plan.children().into_iter().map(|child| ranged(Arc::clone(child)));
        let children = children.collect::<Result<_>>()?;
        return plan.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep));
    }
    let bounds = match EngineJoin::of(plan.as_ref())? {
        // The value of a subquery costs each probe row a single comparison.
        Some(join @ EngineJoin::NestedLoop(_)) if row_count(join.left())? != Precision::Exact(1) => Bounds::of(&join),
        _ => None,
    };
    match bounds {
        Some(bounds) => Ok(Arc::new(RangeJoinExec::new(plan, bounds))),
        None => Ok(plan),
    }
}

/// Joins as the engine's nested-loop join does, its build side in a [`RangeTable`] that all output partitions share.
///
/// It reserves what it holds, and runs where that has been granted.
#[derive(Debug)]
pub(in crate::operator::join) struct RangeJoinExec {
    /// The engine's.
    join: Arc<dyn ExecutionPlan>,
    bounds: Bounds,
    /// The table, until the last of the output partitions has started.
    build: Mutex<Option<(Build, usize)>>,
    metrics: ExecutionPlanMetricsSet,
}

/// The table, made by whichever output partition asks for it first.
type Build = Shared<BoxFuture<'static, Result<Arc<Held>, Arc<DataFusionError>>>>;

/// The build side, and what is known of it.
struct Held {
    table: Arc<RangeTable>,
    state: Mutex<HeldState>,
    _reservation: MemoryReservation,
}

struct HeldState {
    /// Which rows have met somebody in the output partitions that have ended.
    met: BooleanBufferBuilder,
    /// How many have not.
    running: usize,
}

impl RangeJoinExec {
    fn new(join: Arc<dyn ExecutionPlan>, bounds: Bounds) -> Self {
        Self { join, bounds, build: Mutex::default(), metrics: ExecutionPlanMetricsSet::new() }
    }

    /// What partners are found by.
    pub(in crate::operator::join) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The table for one output partition; the first to ask for it starts it.
    fn build(&self, context: &Arc<TaskContext>) -> Result<Build> {
        let mut shared = self.build.lock();
        let (build, waiting) = match shared.take() {
            Some(shared) => shared,
            None => self.start(context)?,
        };
        *shared = (waiting > 1).then(|| (build.clone(), waiting - 1));
        Ok(build)
    }

    /// A table, and how many output partitions look partners up in it.
    fn start(&self, context: &Arc<TaskContext>) -> Result<(Build, usize)> {
        let [left, right] = self.join.children()[..] else {
            return Err(Error::internal("a join has two sides").into());
        };
        let (rows, schema) = (left.execute(0, Arc::clone(context))?, left.schema());
        let (bounds, partitions) = (self.bounds.clone(), right.output_partitioning().partition_count());
        let reservation = MemoryConsumer::new(self.name()).register(context.memory_pool());
        let held = async move {
            let table = RangeTable::new(&bounds, &schema, rows.try_collect().await?)?;
            Held::new(table, partitions, reservation).map(Arc::new)
        };
        Ok((held.map(|held| held.map_err(Arc::new)).boxed().shared(), partitions))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("rows", &self.table.rows().num_rows()).finish_non_exhaustive()
    }
}

impl DisplayAs for RangeJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RangeJoinExec: {}", self.bounds)
    }
}

impl ExecutionPlan for RangeJoinExec {
    fn name(&self) -> &str {
        "RangeJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.join.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.join.children()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let join = Arc::clone(&self.join).replace_children(children, options)?;
        Ok(Arc::new(Self::new(join, self.bounds.clone())))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.join.apply_expressions(f)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let build = self.build(&context)?;
        let Some(EngineJoin::NestedLoop(join)) = EngineJoin::of(self.join.as_ref())? else {
            return Err(Error::internal("only nested-loop joins are joined by ranges").into());
        };
        let probe = join.right().execute(partition, Arc::clone(&context))?;
        Ok(Box::pin(RangeJoinStream {
            shape: Shape::new(EngineJoin::NestedLoop(join)),
            batch_size: context.session_config().batch_size(),
            build,
            join: None,
            probe,
            passing: None,
            phase: Phase::Probing,
            metrics: BaselineMetrics::new(&self.metrics, partition),
        }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The rows of one output partition.
struct RangeJoinStream {
    shape: Shape,
    batch_size: usize,
    build: Build,
    join: Option<(TableJoin<RangeTable>, Arc<Held>)>,
    probe: SendableRecordBatchStream,
    passing: Option<Passing<Sought>>,
    phase: Phase,
    metrics: BaselineMetrics,
}

enum Phase {
    Probing,
    /// All of the probe side has passed; build rows may come out by themselves.
    Finishing,
    Ended,
}

impl RangeJoinStream {
    /// A batch, or the end; pending where there is work left and it is another's turn.
    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        if self.join.is_none() {
            let held = ready!(self.build.poll_unpin(cx)).map_err(DataFusionError::Shared)?;
            let join = TableJoin::new(self.shape.clone(), JoinSide::Left, Arc::clone(&held.table), self.batch_size);
            self.join = Some((join, held));
        }
        for _ in 0..STEPS_AT_ONCE {
            if let Some(batch) = self.join.as_mut().and_then(|(join, _)| join.next()) {
                return Poll::Ready(Some(Ok(batch)));
            }
            match self.phase {
                Phase::Probing if self.passing.is_none() => {
                    let batch = ready!(self.probe.poll_next_unpin(cx)).transpose()?;
                    self.arrive(batch)?;
                }
                Phase::Ended => return Poll::Ready(None),
                _ => self.step()?,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes the next probe batch, or the end of them.
    fn arrive(&mut self, batch: Option<RecordBatch>) -> Result<()> {
        let Some((join, held)) = &mut self.join else { return Ok(()) };
        match batch {
            Some(batch) => self.passing = Some(join.start(batch)?),
            None => {
                self.phase = Phase::Finishing;
                held.end(join);
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<()> {
        let _timer = self.metrics.elapsed_compute().timer();
        let Some((join, _)) = &mut self.join else { return Ok(()) };
        match &mut self.passing {
            Some(passing) => {
                if !join.step(passing)? {
                    self.passing = None;
                }
            }
            None if join.finish()? => {}
            None => self.phase = Phase::Ended,
        }
        Ok(())
    }
}

impl Held {
    fn new(table: RangeTable, partitions: usize, reservation: MemoryReservation) -> Result<Self> {
        let count = table.rows().num_rows();
        // Each output partition notes for itself who has met somebody.
        reservation.try_grow(table.bytes() + (partitions + 1) * count.div_ceil(8))?;
        let mut met = BooleanBufferBuilder::new(count);
        met.append_n(count, false);
        let state = Mutex::new(HeldState { met, running: partitions });
        Ok(Self { table: Arc::new(table), state, _reservation: reservation })
    }

    /// One output partition has ended: what it knows of the build rows is put to what the others know. The last of
    /// them gives the build rows that come out by themselves.
    fn end(&self, join: &mut TableJoin<RangeTable>) {
        let Some(met) = join.met() else { return };
        let mut state = self.state.lock();
        state.met.as_slice_mut().iter_mut().zip(met.as_slice()).for_each(|(all, met)| *all |= met);
        state.running = state.running.saturating_sub(1);
        match state.running {
            0 => met.as_slice_mut().copy_from_slice(state.met.as_slice()),
            _ => join.leave_held(),
        }
    }
}

impl Stream for RangeJoinStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let batch = self.poll_batch(cx);
        self.metrics.record_poll(batch)
    }
}

impl RecordBatchStream for RangeJoinStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.shape.output())
    }
}
