//! One partition of many, or all as they are.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PhysicalExpr, PlanProperties, ReplaceChildrenOptions, Statistics,
};

use super::{drive, is_chain, only};
use crate::error::Error;

/// Gives the rows of one partition of its input, or those of all, each where it is.
///
/// The others are not run where that is possible; see [`drive`]. Without a choice it stands for whoever will read the
/// partitions: a scan with nothing above it is one partition, the engine splits it for the first operator only.
#[derive(Debug, Clone)]
pub(crate) struct PickExec {
    input: Arc<dyn ExecutionPlan>,
    partition: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl PickExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, partition: Option<usize>) -> Self {
        let properties = match partition {
            None => Arc::clone(input.properties()),
            Some(_) => {
                let one = Partitioning::UnknownPartitioning(1);
                Arc::new(PlanProperties::clone(input.properties()).with_partitioning(one))
            }
        };
        Self { input, partition, properties }
    }
}

impl ExecutionPlan for PickExec {
    fn name(&self) -> &'static str {
        if self.partition.is_some() { "PartitionExec" } else { "PartitionsExec" }
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(only(children)?, self.partition)))
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

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(picked) = self.partition else { return self.input.execute(partition, task) };
        let count = self.input.output_partitioning().partition_count();
        if picked >= count {
            let error = Error::user(format!("there is no partition {picked}: the frame has {count}"));
            return Err(error
                .with_hint("partitions are counted from 0; npartitions() tells how many there are")
                .into());
        }
        if is_chain(&self.input) {
            return self.input.execute(picked, task);
        }
        Ok(drive(&self.input, &task)?.swap_remove(picked))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        let count = self.input.output_partitioning().partition_count();
        match self.partition {
            Some(picked) if picked >= count => vec![ChildStats::Skip],
            picked => vec![ChildStats::At(picked.or(partition))],
        }
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        only(inputs.to_vec())
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::LowerEqual
    }
}

impl DisplayAs for PickExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (format, self.partition) {
            (DisplayFormatType::TreeRender, None) => Ok(()),
            (_, None) => f.write_str("PartitionsExec"),
            (DisplayFormatType::TreeRender, Some(partition)) => write!(f, "partition={partition}"),
            (_, Some(partition)) => write!(f, "PartitionExec: partition={partition}"),
        }
    }
}
