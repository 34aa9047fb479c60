//! The operator: a cutoff, a sort of what passes, and the limit.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::limit::LimitStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions,
};
use futures::TryStreamExt;

use super::cutoff::Cutoff;
use crate::error::Error;
use crate::memory::Gather;
use crate::operator::sort::Sort;
use crate::operator::stand_in::Task;

/// The first rows of an order, of each partition: as a `SortExec` with a fetch gives them, from disk if need be.
#[derive(Debug)]
pub(crate) struct TopRowsExec {
    sort: Arc<SortExec>,
    fetch: usize,
    /// One for all partitions, where their first rows are merged.
    shared: Option<Arc<Cutoff>>,
    metrics: ExecutionPlanMetricsSet,
}

impl TopRowsExec {
    /// The same rows as `sort`, which has a fetch, gives; `merged` when only the first of all partitions are wanted.
    pub(crate) fn new(sort: SortExec, fetch: usize, merged: bool) -> Result<Self> {
        let shared = if merged { Some(Arc::new(cutoff(&sort, fetch)?)) } else { None };
        Ok(Self { sort: Arc::new(sort), fetch, shared, metrics: ExecutionPlanMetricsSet::new() })
    }

    fn with_sort(&self, sort: SortExec) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(sort, self.fetch, self.shared.is_some())?))
    }
}

fn cutoff(sort: &SortExec, fetch: usize) -> Result<Cutoff> {
    let first: PhysicalSortExpr = sort.expr().first().clone();
    Cutoff::new(first, fetch, &sort.input().schema())
}

impl DisplayAs for TopRowsExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::TreeRender => writeln!(f, "fetch={}\n{}", self.fetch, self.sort.expr()),
            _ => write!(f, "TopRowsExec: fetch={}, expr=[{}]", self.fetch, self.sort.expr()),
        }
    }
}

impl ExecutionPlan for TopRowsExec {
    fn name(&self) -> &str {
        "TopRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.sort.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.sort.children()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.sort.input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = Arc::clone(&self.sort).replace_children(children, options)?;
        match replaced.downcast_ref::<SortExec>() {
            Some(sort) => self.with_sort(sort.clone()),
            None => Err(Error::internal("a sort became another operator").into()),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        self.with_sort(self.sort.as_ref().clone())
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.sort.apply_expressions(f)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.sort.input().execute(partition, Arc::clone(&context))?;
        let cutoff = match &self.shared {
            Some(shared) => Arc::clone(shared),
            None => Arc::new(cutoff(&self.sort, self.fetch)?),
        };
        let left_out = MetricBuilder::new(&self.metrics).counter("rows_left_out", partition);
        let batch_size = context.session_config().batch_size();
        let task = Task::new(self.name(), partition, context, &self.metrics);
        let sort = Sort::new(task, self.sort.expr().clone());
        let sorted = sort.stream(passing(input, cutoff, left_out, batch_size));
        let baseline = BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
        Ok(Box::pin(LimitStream::new(sorted, 0, Some(self.fetch), baseline)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.sort.child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.sort.statistics_from_inputs(inputs, args)
    }

    fn fetch(&self) -> Option<usize> {
        Some(self.fetch)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::LowerEqual
    }
}

/// What passes of `input`. When the cutoff is tight it is a row of a batch here and there: such are put together, for
/// each column of a batch takes some memory of its own, however few rows it has.
fn passing(
    input: SendableRecordBatchStream,
    cutoff: Arc<Cutoff>,
    left_out: Count,
    batch_size: usize,
) -> SendableRecordBatchStream {
    let schema = input.schema();
    let state = (input, Gather::new(Arc::clone(&schema), batch_size), cutoff, left_out);
    let rows = futures::stream::try_unfold(Some(state), async |state| {
        let Some((mut input, mut passed, cutoff, left_out)) = state else { return Ok(None) };
        loop {
            if let Some(batch) = passed.next() {
                return Ok(Some((batch, Some((input, passed, cutoff, left_out)))));
            }
            let Some(batch) = input.try_next().await? else { break };
            let before = batch.num_rows();
            let batch = cutoff.filter(batch)?;
            left_out.add(before - batch.num_rows());
            passed.push(batch)?;
        }
        passed.finish()?;
        Ok(passed.next().map(|batch| (batch, None)))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}
