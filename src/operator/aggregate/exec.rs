//! The operator: the engine's aggregate, with another way to disk.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateOutputMode};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PhysicalExpr,
    PlanProperties, ReplaceChildrenOptions,
};

use super::shape::{Shape, quantile};
use super::stream::Aggregation;
use super::whole;
use crate::error::Error;
use crate::operator::spill::{Loan, SpillFigures};

/// An aggregate of the engine that goes through disk where the budget refuses its state: a final or single one with
/// groups, or any without groups that takes a quantile.
#[derive(Debug)]
pub(crate) struct SpillingAggregateExec {
    aggregate: Arc<AggregateExec>,
    shape: Arc<Shape>,
    metrics: ExecutionPlanMetricsSet,
}

impl SpillingAggregateExec {
    /// The same aggregate as `aggregate`.
    pub(crate) fn new(aggregate: Arc<AggregateExec>) -> Result<Self> {
        let shape = Arc::new(Shape::new(&aggregate)?);
        Ok(Self { aggregate, shape, metrics: ExecutionPlanMetricsSet::new() })
    }
}

/// Whether the function needs to see every value, and has a way to do so from disk.
pub(crate) fn keeps_every_value(function: &AggregateFunctionExpr) -> bool {
    quantile(function).is_some()
}

impl DisplayAs for SpillingAggregateExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !matches!(t, DisplayFormatType::TreeRender) {
            f.write_str("Spilling")?;
        }
        self.aggregate.fmt_as(t, f)
    }
}

impl ExecutionPlan for SpillingAggregateExec {
    fn name(&self) -> &str {
        "SpillingAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.aggregate.children()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.aggregate.input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = Arc::clone(&self.aggregate).replace_children(children, options)?;
        let aggregate = replaced.downcast_ref::<AggregateExec>().cloned();
        let aggregate = aggregate.ok_or_else(|| Error::internal("an aggregate became another operator"))?;
        Ok(Arc::new(Self::new(Arc::new(aggregate))?))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(Arc::clone(&self.aggregate))?))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.aggregate.apply_expressions(f)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.aggregate.input().execute(partition, Arc::clone(&context))?;
        let figures = SpillFigures::new(&self.metrics, partition);
        let aggregation = Aggregation {
            shape: Arc::clone(&self.shape),
            loan: Loan::new(&format!("{}[{partition}]", self.name()), &context, figures.peak.clone()),
            context,
            figures,
            baseline: BaselineMetrics::new(&self.metrics, partition),
        };
        Ok(match self.aggregate.group_expr().is_true_no_grouping() {
            true => {
                whole::stream(aggregation, input, self.aggregate.mode().output_mode() == AggregateOutputMode::Partial)
            }
            false => aggregation.stream(input),
        })
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.aggregate.child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.aggregate.statistics_from_inputs(inputs, args)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        self.aggregate.cardinality_effect()
    }
}
