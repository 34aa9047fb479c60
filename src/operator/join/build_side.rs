//! The build side of a join: in memory while it fits, on disk from the moment it does not.

use std::fmt;
use std::mem;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::{BoxFuture, FutureExt, Shared};
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;

use super::not_in::Values;
use super::shape::Shape;
use crate::operator::spill::{Footprint, Kept, Loan, Partition, Partitioned, Partitioner, SpillFigures};

/// The partitioning of the build side, driven by whichever output partition asks for it.
pub(super) type Spill = Shared<BoxFuture<'static, Result<Arc<SpilledBuild>, Arc<DataFusionError>>>>;

/// A build side that is read once, for all output partitions that probe it: one of a partitioned join, all of a join
/// that collects its build side.
pub(super) struct BuildSide {
    name: String,
    loan: Arc<Loan>,
    shape: Shape,
    context: Arc<TaskContext>,
    metrics: SpillFigures,
    users: usize,
    spill: Mutex<Option<Spill>>,
    /// Of a `NOT IN`.
    values: Arc<Values>,
}

impl fmt::Debug for BuildSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildSide").field("loan", &self.loan).field("users", &self.users).finish_non_exhaustive()
    }
}

impl BuildSide {
    pub(super) fn new(
        name: &str,
        shape: Shape,
        context: Arc<TaskContext>,
        metrics: SpillFigures,
        users: usize,
    ) -> Arc<Self> {
        let loan = Loan::new(name, &context, metrics.peak.clone());
        let (spill, values) = Default::default();
        Arc::new(Self { name: name.to_string(), loan, shape, context, metrics, users, spill, values })
    }

    /// The memory of the join while it is in memory.
    pub(super) fn loan(&self) -> &Arc<Loan> {
        &self.loan
    }

    /// What has been seen of it, where it is the values of a `NOT IN`.
    pub(super) fn values(&self) -> Arc<Values> {
        Arc::clone(&self.values)
    }

    /// The rows of `input` once all are there and reserved, with all that joining with them takes.
    ///
    /// When the budget refuses, the stream ends with its error, and [`BuildSide::spill`] goes on from there.
    pub(super) fn collect(self: &Arc<Self>, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = input.schema();
        let this = Arc::clone(self);
        let batches = futures::stream::once(async move { this.gather(input).await })
            .map_ok(|batches| futures::stream::iter(batches.into_iter().map(Ok)))
            .try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }

    async fn gather(&self, mut input: SendableRecordBatchStream) -> Result<Vec<RecordBatch>> {
        let mut footprint = Footprint::default();
        let mut held = Vec::new();
        while let Some(batch) = input.next().await {
            let batch = batch?;
            footprint.add(&batch);
            held.push(batch);
            if let Err(refusal) = self.loan.reserve(self.shape.while_building(&footprint)) {
                *self.spill.lock() = Some(self.partition(held, input));
                return Err(refusal);
            }
        }
        Ok(held)
    }

    fn partition(&self, held: Vec<RecordBatch>, rest: SendableRecordBatchStream) -> Spill {
        let (shape, context, metrics) = (self.shape.clone(), Arc::clone(&self.context), self.metrics.clone());
        // Only the last of the output partitions takes the build side where it sees to all of the probe side.
        let takers = if shape.emits_build_rows() { 1 } else { self.users };
        let (reservation, users) = (self.loan.take(), self.users);
        // What NOT IN makes of a row is known when the whole of the probe side is.
        let keeps = users == 1 && shape.has_keys() && shape.null_aware_key().is_none();
        let kept = keeps.then(|| Loan::new(&self.name, &context, metrics.peak.clone()));
        let spill = async move {
            let side = shape.build_side(0);
            let mut partitioner = Partitioner::new(&side, reservation, &context, &metrics)?;
            if let Some(loan) = kept {
                partitioner = partitioner.keeping(loan);
            }
            let build = partitioner.split_after(held, rest).await?;
            let partitions = build.partitions.len();
            Ok(Arc::new(SpilledBuild { users, partitions, state: Mutex::new(SpilledState::new(build, takers)) }))
        };
        spill.map(|built: Result<_>| built.map_err(Arc::new)).boxed().shared()
    }

    /// The partitions on disk, where the budget has refused.
    pub(super) fn spill(&self) -> Option<Spill> {
        self.spill.lock().clone()
    }
}

/// A build side on disk.
pub(super) struct SpilledBuild {
    users: usize,
    partitions: usize,
    state: Mutex<SpilledState>,
}

struct SpilledState {
    build: Vec<Partition>,
    kept: Option<Kept>,
    takers: usize,
    probe: Partitioned,
    probed: usize,
}

impl SpilledState {
    fn new(build: Partitioned, takers: usize) -> Self {
        Self { build: build.partitions, kept: build.kept, takers, probe: Partitioned::default(), probed: 0 }
    }

    /// The build partitions; gone with the last taker.
    fn take_build(&mut self) -> Vec<Partition> {
        self.takers = self.takers.saturating_sub(1);
        if self.takers == 0 { mem::take(&mut self.build) } else { self.build.clone() }
    }
}

impl SpilledBuild {
    /// How many partitions it has: the probe side needs as many.
    pub(super) fn partitions(&self) -> usize {
        self.partitions
    }

    /// The partitions that have stayed in memory; there are none where several output partitions share the build side.
    pub(super) fn take_kept(&self) -> Option<Kept> {
        self.state.lock().kept.take()
    }

    /// The build partitions, and the probe partitions to join them with.
    ///
    /// An output partition joins its own probe rows: whoever reads it may rely on which rows come out where. Where
    /// rows of the build side come out, which belong to no output partition, the one that is last to have split its
    /// probe rows joins those of all, and the others get nothing. None waits for another: they may be read in turn.
    pub(super) fn pair_with(
        &self,
        probe: Partitioned,
        emits_build_rows: bool,
    ) -> Option<(Vec<Partition>, Partitioned)> {
        let mut state = self.state.lock();
        if !emits_build_rows {
            return Some((state.take_build(), probe));
        }
        state.probe.append(probe);
        state.probed += 1;
        let all = state.probed == self.users;
        all.then(|| (state.take_build(), mem::take(&mut state.probe)))
    }
}
