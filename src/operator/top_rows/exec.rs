//! The operator: a cutoff, a sort of what passes, and the limit.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
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
        let passing = Passing {
            gather: Gather::new(self.sort.input().schema(), context.session_config().batch_size()),
            held: MemoryConsumer::new(self.name()).register(context.memory_pool()),
            cutoff,
            left_out,
        };
        let task = Task::new(self.name(), partition, context, &self.metrics);
        let sort = Sort::new(task, self.sort.expr().clone());
        let sorted = sort.stream(passing.stream(input));
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

/// What passes of the input. When the cutoff is tight it is a row of a batch here and there: such are put together, for
/// each column of a batch takes some memory of its own, however few rows it has.
struct Passing {
    cutoff: Arc<Cutoff>,
    left_out: Count,
    gather: Gather,
    /// What is reserved for the rows that are put together.
    held: MemoryReservation,
}

impl Passing {
    fn stream(self, input: SendableRecordBatchStream) -> SendableRecordBatchStream {
        let schema = input.schema();
        let rows = futures::stream::try_unfold(Some((self, input)), async |state| {
            let Some((mut passing, mut input)) = state else { return Ok(None) };
            let next = passing.next(&mut input).await?;
            let is_last = next.is_none();
            let next = if is_last { passing.rest()? } else { next };
            Ok(next.map(|batch| (batch, (!is_last).then_some((passing, input)))))
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }

    /// The next batch that is full; none when the input has ended.
    async fn next(&mut self, input: &mut SendableRecordBatchStream) -> Result<Option<RecordBatch>> {
        // A list of texts keeps those of its whole batch, until it is copied by the sort.
        let gathers = !input.schema().fields().iter().any(|field| field.data_type().is_nested());
        loop {
            if let Some(batch) = self.gather.next() {
                return Ok(Some(batch));
            }
            let Some(batch) = input.try_next().await? else { return Ok(None) };
            let batch = self.filter(batch)?;
            if !gathers {
                return Ok(Some(batch));
            }
            self.gather.push(batch)?;
            self.held.resize(self.gather.in_making());
        }
    }

    /// The last rows.
    fn rest(&mut self) -> Result<Option<RecordBatch>> {
        self.gather.finish()?;
        Ok(self.gather.next())
    }

    fn filter(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let before = batch.num_rows();
        self.cutoff.filter(batch).inspect(|passed| self.left_out.add(before - passed.num_rows()))
    }
}
