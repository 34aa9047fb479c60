//! Operators that pass on the rows of their input, one partition to one partition, in their order.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{ChildFilterDescription, FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};

use crate::error::Error;

/// What such an operator does to rows. All else is the same for all of them: [`PassExec`].
pub(crate) trait Pass: fmt::Debug + Clone + Send + Sync + 'static {
    /// What EXPLAIN calls it.
    const NAME: &'static str;

    /// The rows of one partition of `input`.
    fn rows(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<SendableRecordBatchStream>;

    /// What EXPLAIN says of it.
    fn describe(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::TreeRender => Ok(()),
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str(Self::NAME),
        }
    }

    /// What it evaluates.
    fn expressions(&self) -> &[Arc<dyn PhysicalExpr>] {
        &[]
    }

    /// What comes out, where it is not the columns that go in.
    fn columns(&self) -> Option<&SchemaRef> {
        None
    }

    /// Whether the column at that place is the one that goes in at it.
    fn stays(&self, _column: usize) -> bool {
        self.columns().is_none()
    }

    /// Whether it leaves rows out.
    fn leaves_out(&self) -> bool {
        false
    }
}

/// An operator of one input with its rows, or some of them, in its partitions and its order.
#[derive(Debug)]
pub(crate) struct PassExec<P> {
    input: Arc<dyn ExecutionPlan>,
    pass: P,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<P: Pass> PassExec<P> {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, pass: P) -> Self {
        let properties =
            pass.columns().map_or_else(|| Arc::clone(input.properties()), |columns| other(&input, columns));
        Self { input, pass, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    pub(crate) fn pass(&self) -> &P {
        &self.pass
    }

    pub(crate) fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }
}

/// The properties of `input` where other columns come out: of the old ones neither orders nor partitions tell.
fn other(input: &Arc<dyn ExecutionPlan>, columns: &SchemaRef) -> Arc<PlanProperties> {
    let partitioning = Partitioning::UnknownPartitioning(input.output_partitioning().partition_count());
    let properties = EquivalenceProperties::new(Arc::clone(columns));
    Arc::new(PlanProperties::new(properties, partitioning, input.pipeline_behavior(), input.boundedness()))
}

impl<P: Pass> DisplayAs for PassExec<P> {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pass.describe(t, f)
    }
}

impl<P: Pass> ExecutionPlan for PassExec<P> {
    fn name(&self) -> &str {
        P::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        // What comes in is in no order of other columns.
        vec![self.pass.columns().is_none()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self::new(input, self.pass.clone()))),
            Err(_) => Err(Error::internal(format!("{} has one input", P::NAME)).into()),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for expression in self.pass.expressions() {
            if f(expression)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    /// What a join above leaves out may be left out below, by columns that stay where they are.
    fn gather_filters_for_pushdown(
        &self,
        _: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> Result<FilterDescription> {
        let stays = (0..self.input.schema().fields().len()).filter(|column| self.pass.stays(*column)).collect();
        let of_input = ChildFilterDescription::from_child_with_allowed_indices(&filters, stays, &self.input)?;
        Ok(FilterDescription::new().with_child(of_input))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.pass.rows(&self.input, partition, context, &self.metrics)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        if let Some(columns) = self.pass.columns() {
            let rows = Statistics { num_rows: inputs[0].num_rows, ..Statistics::new_unknown(columns) };
            return Ok(Arc::new(rows));
        }
        Ok(match self.pass.leaves_out() {
            true => Arc::new(inputs[0].as_ref().clone().to_inexact()),
            false => Arc::clone(&inputs[0]),
        })
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        if self.pass.leaves_out() { CardinalityEffect::LowerEqual } else { CardinalityEffect::Equal }
    }
}
