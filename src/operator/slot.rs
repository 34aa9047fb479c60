//! Plans whose rows come from a stream that is there already.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use parking_lot::Mutex;

use crate::error::Error;

/// Streams of one plan, by partition, put there to be taken once each.
#[derive(Debug, Clone)]
pub(in crate::operator) struct Slots(Arc<Vec<Slot>>);

#[derive(Default)]
struct Slot(Mutex<Option<SendableRecordBatchStream>>);

impl Slots {
    pub(in crate::operator) fn new(partitions: usize) -> Self {
        Self(Arc::new((0..partitions).map(|_| Slot::default()).collect()))
    }

    /// Puts the stream of `partition` in its place.
    pub(in crate::operator) fn put(&self, partition: usize, stream: SendableRecordBatchStream) {
        if let Some(slot) = self.0.get(partition) {
            *slot.0.lock() = Some(stream);
        }
    }

    fn take(&self, partition: usize) -> Option<SendableRecordBatchStream> {
        self.0.get(partition)?.0.lock().take()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.lock().is_some() { "full" } else { "empty" })
    }
}

/// Stands for `plan` inside another plan; its rows come from [`Slots`].
///
/// `plan` stays visible as the child: the engine's join looks below its probe side for whoever uses its dynamic
/// filter.
#[derive(Debug)]
pub(in crate::operator) struct SlotExec {
    plan: Arc<dyn ExecutionPlan>,
    slots: Slots,
}

impl SlotExec {
    pub(in crate::operator) fn new(plan: Arc<dyn ExecutionPlan>, slots: Slots) -> Self {
        Self { plan, slots }
    }
}

impl DisplayAs for SlotExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlotExec")
    }
}

impl ExecutionPlan for SlotExec {
    fn name(&self) -> &str {
        "SlotExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.plan]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([plan]) => Ok(Arc::new(Self::new(plan, self.slots.clone()))),
            Err(_) => Err(Error::internal("a slot stands for one plan").into()),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let taken = || Error::internal(format!("the rows of partition {partition} are taken already"));
        Ok(self.slots.take(partition).ok_or_else(taken)?)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&inputs[0]))
    }
}

/// A plan of one partition that is nothing but `stream`.
pub(in crate::operator) fn plan_of(stream: SendableRecordBatchStream) -> Arc<dyn ExecutionPlan> {
    let slots = Slots::new(1);
    let rows = Arc::new(datafusion::physical_plan::empty::EmptyExec::new(stream.schema()));
    slots.put(0, stream);
    Arc::new(SlotExec::new(rows, slots))
}
