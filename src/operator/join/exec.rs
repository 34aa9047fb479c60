//! The operator: the engine's join, with a way out when the budget refuses.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use parking_lot::Mutex;

use super::attempt::{JoinStream, ProbeSide};
use super::build_side::BuildSide;
use super::engine_join::EngineJoin;
use super::grace::GraceJoin;
use super::not_in::holding_values;
use super::range::RangeJoinExec;
use super::shape::Shape;
use crate::operator::slot::{SlotExec, Slots};
use crate::operator::spill::SpillFigures;

/// A join that goes through disk when the budget refuses its build side.
///
/// Up to that moment it is the engine's `HashJoinExec`, which runs inside it over the same children, so that it prunes
/// its probe side by the same dynamic filter; or its `NestedLoopJoinExec`, where there are no keys:
///
/// ```text
/// SpillingJoinExec
///   (inside: HashJoinExec
///      SlotExec ◄─ the build rows, once all are there and reserved
///      SlotExec ◄─ the probe rows)
///   build
///   probe
/// ```
#[derive(Debug)]
pub(crate) struct SpillingJoinExec {
    join: EngineJoin,
    /// Whether the build side is the values of a `NOT IN`.
    not_in: bool,
    attempt: Arc<dyn ExecutionPlan>,
    build: Slots,
    probe: Slots,
    /// The build side that all output partitions share, until the last of them has started.
    shared: Mutex<Option<(Arc<BuildSide>, usize)>>,
    metrics: ExecutionPlanMetricsSet,
}

impl SpillingJoinExec {
    /// The same join as `join`, whose mode has been decided. A `NOT IN` that came out in one partition may
    /// come out in several.
    pub(crate) fn new(join: EngineJoin) -> Result<Self> {
        let not_in = match &join {
            EngineJoin::Hash(join) => holding_values(join)?,
            EngineJoin::NestedLoop(_) => None,
        };
        match not_in {
            Some(join) => Self::with(EngineJoin::Hash(Arc::new(join)), true),
            None => Self::with(join, false),
        }
    }

    fn with(join: EngineJoin, not_in: bool) -> Result<Self> {
        let build = Slots::new(join.left().output_partitioning().partition_count());
        let probe = Slots::new(join.right().output_partitioning().partition_count());
        let children: Vec<Arc<dyn ExecutionPlan>> = vec![
            Arc::new(SlotExec::new(Arc::clone(join.left()), build.clone())),
            Arc::new(SlotExec::new(Arc::clone(join.right()), probe.clone())),
        ];
        let attempt = join.over(children)?;
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { join, not_in, attempt, build, probe, shared: Mutex::default(), metrics })
    }

    /// The same join with its filter changed.
    pub(crate) fn map_filter(&self, change: impl Fn(&JoinFilter) -> JoinFilter) -> Result<Self> {
        Self::with(self.join.map_filter(change)?, self.not_in)
    }

    /// The build side for one output partition; the first to ask for a shared one starts it.
    fn build_side(
        &self,
        shared: &mut Option<(Arc<BuildSide>, usize)>,
        partition: usize,
        context: &Arc<TaskContext>,
        metrics: &SpillFigures,
    ) -> Result<Arc<BuildSide>> {
        let is_shared = self.join.shares_build_side();
        if let Some((build, waiting)) = shared.take() {
            *shared = (waiting > 1).then(|| (Arc::clone(&build), waiting - 1));
            return Ok(build);
        }
        let users = if is_shared { self.join.right().output_partitioning().partition_count() } else { 1 };
        let shape = Shape::new(self.join.clone());
        let build = BuildSide::new(&self.name_of(partition), shape, Arc::clone(context), metrics.clone(), users);
        let input = if is_shared { 0 } else { partition };
        let mut rows = self.join.left().execute(input, Arc::clone(context))?;
        if let Some((value, _)) = self.join.on().first().filter(|_| self.not_in) {
            rows = build.values().watch(rows, Arc::clone(value));
        }
        self.build.put(input, build.collect(rows));
        *shared = (users > 1).then(|| (Arc::clone(&build), users - 1));
        Ok(build)
    }

    fn name_of(&self, partition: usize) -> String {
        format!("{}[{partition}]", self.name())
    }
}

impl DisplayAs for SpillingJoinExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(t, DisplayFormatType::TreeRender) {
            f.write_str("Spilling")?;
        }
        self.join.plan().fmt_as(t, f)?;
        match self.attempt.downcast_ref::<RangeJoinExec>() {
            _ if matches!(t, DisplayFormatType::TreeRender) => Ok(()),
            Some(join) => write!(f, ", ranges={}", join.bounds()),
            None if self.not_in => f.write_str(", not_in"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for SpillingJoinExec {
    fn name(&self) -> &str {
        match self.join {
            EngineJoin::Hash(_) => "SpillingHashJoinExec",
            EngineJoin::NestedLoop(_) => "SpillingNestedLoopJoinExec",
        }
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.join.plan().properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.join.plan().children()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.join.plan().input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.join.plan().maintains_input_order()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::with(self.join.with_children(children)?, self.not_in)?))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::with(self.join.reset()?, self.not_in)?))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.join.plan().apply_expressions(f)
    }

    fn dynamic_expressions_produced(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        self.join.plan().dynamic_expressions_produced()
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        // One partition at a time: what is put into the slots is what the join inside takes.
        let mut shared = self.shared.lock();
        let metrics = SpillFigures::new(&self.metrics, partition);
        let build = self.build_side(&mut shared, partition, &context, &metrics)?;
        let mut probe = self.join.right().execute(partition, Arc::clone(&context))?;
        if let Some((_, row)) = self.join.on().first().filter(|_| self.not_in) {
            probe = build.values().comparable(probe, Arc::clone(row));
        }
        let probe = ProbeSide::new(probe);
        self.probe.put(partition, probe.lend(self.join.right().schema(), build.loan()));
        let rows = self.attempt.execute(partition, build.loan().task(&context))?;
        let grace = GraceJoin {
            name: self.name_of(partition),
            shape: Shape::new(self.join.clone()),
            schema: self.schema(),
            fetch: self.join.fetch(),
            context,
            metrics,
            operator_metrics: self.metrics.clone(),
            partition,
        };
        Ok(Box::pin(JoinStream::new(rows, probe, build, grace)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        let mut metrics = self.attempt.metrics().unwrap_or_default();
        self.metrics.clone_inner().iter().for_each(|metric| metrics.push(Arc::clone(metric)));
        Some(metrics)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.join.plan().child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.join.plan().statistics_from_inputs(inputs, args)
    }

    fn fetch(&self) -> Option<usize> {
        self.join.fetch()
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self::with(self.join.with_fetch(limit)?, self.not_in).ok()?))
    }
}
