//! Operators in the place of one of the engine's.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr_common::sort_expr::OrderingRequirements;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions,
};

use crate::error::Error;
use crate::operator::spill::{Loan, SpillFigures};

/// How such an operator finds its rows. All else is the engine's: [`StandInExec`].
pub(crate) trait StandIn: fmt::Debug + Sized + Send + Sync + 'static {
    /// The operator of the engine, of one input.
    type Engine: ExecutionPlan + Clone;

    /// What EXPLAIN calls it.
    const NAME: &'static str;

    /// What EXPLAIN puts before the engine's words.
    const PREFIX: &'static str;

    /// In the place of `engine`; none where only that will do.
    fn of(engine: Arc<Self::Engine>) -> Result<Option<Self>>;

    /// What it stands in for.
    fn engine(&self) -> &Arc<Self::Engine>;

    /// Whether the rows come out in the order of the input.
    fn keeps_order(&self) -> bool;

    /// The rows of one partition.
    fn rows(&self, execution: Execution<'_>) -> Result<SendableRecordBatchStream>;
}

/// The call to run one partition.
pub(crate) struct Execution<'a> {
    pub(in crate::operator) partition: usize,
    pub(in crate::operator) metrics: &'a ExecutionPlanMetricsSet,
    name: &'static str,
    input: &'a Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

impl Execution<'_> {
    /// The rows of a partition of the input.
    pub(in crate::operator) fn input(&self, partition: usize) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, Arc::clone(&self.context))
    }

    /// What a partition of the operator runs with.
    pub(in crate::operator) fn task(&self, partition: usize) -> Task {
        Task::new(self.name, partition, Arc::clone(&self.context), self.metrics)
    }

    /// Both, of the partition that is called for.
    pub(in crate::operator) fn begin(self) -> Result<(SendableRecordBatchStream, Task)> {
        Ok((self.input(self.partition)?, self.task(self.partition)))
    }
}

/// One partition of an operator that is to run.
pub(crate) struct Task {
    /// What the budget knows it as.
    pub(in crate::operator) name: String,
    pub(in crate::operator) context: Arc<TaskContext>,
    pub(in crate::operator) figures: SpillFigures,
    pub(in crate::operator) baseline: BaselineMetrics,
}

impl Task {
    /// A partition of `operator`; its figures go to `metrics`.
    pub(in crate::operator) fn new(
        operator: &str,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Self {
        let (figures, baseline) = (SpillFigures::new(metrics, partition), BaselineMetrics::new(metrics, partition));
        Self { name: format!("{operator}[{partition}]"), context, figures, baseline }
    }

    /// Memory for it, of which nothing is reserved yet.
    pub(in crate::operator) fn loan(&self) -> Arc<Loan> {
        Loan::new(&self.name, &self.context, self.figures.peak.clone())
    }
}

/// An operator with the properties of one of the engine's, and rows that are found in another way.
#[derive(Debug)]
pub(crate) struct StandInExec<S> {
    stand_in: S,
    metrics: ExecutionPlanMetricsSet,
}

/// The operator in the place of `node`; none where that is another than `S` stands in for, or only that will do.
pub(crate) fn stand_in<S: StandIn>(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(engine) = node.downcast_ref::<S::Engine>() else { return Ok(None) };
    Ok(StandInExec::<S>::of(engine)?.map(|exec| Arc::new(exec) as _))
}

/// What `node` stands in for; none where it is no `S`.
pub(in crate::operator) fn engine_of<S: StandIn>(node: &dyn ExecutionPlan) -> Option<&S::Engine> {
    node.downcast_ref::<StandInExec<S>>().map(|exec| exec.engine().as_ref())
}

impl<S: StandIn> StandInExec<S> {
    /// In the place of `engine`; none where only that will do.
    fn of(engine: &S::Engine) -> Result<Option<Self>> {
        Ok(S::of(Arc::new(engine.clone()))?.map(|stand_in| Self { stand_in, metrics: ExecutionPlanMetricsSet::new() }))
    }

    fn engine(&self) -> &Arc<S::Engine> {
        self.stand_in.engine()
    }

    fn again(engine: &S::Engine) -> Result<Arc<dyn ExecutionPlan>> {
        let stand_in = Self::of(engine)?;
        Ok(Arc::new(stand_in.ok_or_else(|| Error::internal(format!("{} became another operator", S::NAME)))?))
    }
}

impl<S: StandIn> DisplayAs for StandInExec<S> {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(t, DisplayFormatType::TreeRender) {
            f.write_str(S::PREFIX)?;
        }
        self.engine().fmt_as(t, f)
    }
}

impl<S: StandIn> ExecutionPlan for StandInExec<S> {
    fn name(&self) -> &str {
        S::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.engine().properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.engine().children()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.engine().required_input_ordering()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.engine().input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![self.stand_in.keeps_order()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.engine().benefits_from_input_partitioning()
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = Arc::clone(self.engine()).replace_children(children, options)?;
        let engine = replaced.downcast_ref::<S::Engine>();
        Self::again(engine.ok_or_else(|| Error::internal(format!("{} became another operator", S::NAME)))?)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Self::again(self.engine())
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.engine().apply_expressions(f)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.children().pop().ok_or_else(|| Error::internal("an operator without an input"))?;
        self.stand_in.rows(Execution { partition, metrics: &self.metrics, name: S::NAME, input, context })
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.engine().child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.engine().statistics_from_inputs(inputs, args)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        self.engine().cardinality_effect()
    }
}
