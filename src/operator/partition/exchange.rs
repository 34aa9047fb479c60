//! Rows dealt out to exactly so many partitions.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execution_plan::{CardinalityEffect, apply_expression_roots};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions, Statistics,
};

use super::deal::deal;
use super::map::MapExec;
use super::only;
use crate::operator::repartition::Repartition;
use crate::operator::stand_in::stand_in;

/// How rows find their partition.
#[derive(Debug, Clone)]
pub(crate) enum Exchange {
    /// In turn, to so many partitions.
    Rows(usize),
    /// By the hash of these keys, to so many partitions: equal keys meet. The hash is the engine's own, so that its joins
    /// and aggregates on the keys take the partitions as they are.
    Keys(Vec<Arc<dyn PhysicalExpr>>, usize),
}

/// The engine's exchange, out of reach of its optimizer: that takes every exchange out of a plan and puts in what it
/// thinks best, and the number that a person asked for would be gone.
///
/// ```text
/// ExchangeExec: RoundRobin(8)
///   └ (inside) SpillingRepartitionExec: partitioning=RoundRobinBatch(8)
///   └ (inside)   the first batches in eight slices each
///   its input
/// ```
#[derive(Debug, Clone)]
pub(crate) struct ExchangeExec {
    input: Arc<dyn ExecutionPlan>,
    exchange: Exchange,
    inside: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl ExchangeExec {
    pub(crate) fn try_new(input: Arc<dyn ExecutionPlan>, exchange: Exchange) -> Result<Self> {
        let (inside, partitioning) = match &exchange {
            Exchange::Rows(count) => {
                let dealt = Arc::new(MapExec::new(Arc::clone(&input), input.schema(), deal(*count)));
                let inside = RepartitionExec::try_new(dealt, Partitioning::RoundRobinBatch(*count))?;
                (inside, Partitioning::UnknownPartitioning(*count))
            }
            Exchange::Keys(keys, count) => {
                let partitioning = Partitioning::Hash(keys.clone(), *count);
                (RepartitionExec::try_new(Arc::clone(&input), partitioning.clone())?, partitioning)
            }
        };
        // Of the input's own properties, which the slices do not change.
        let equivalences = RepartitionExec::try_new(Arc::clone(&input), partitioning.clone())?;
        let properties = PlanProperties::clone(equivalences.properties()).with_partitioning(partitioning);
        let inside: Arc<dyn ExecutionPlan> = Arc::new(inside);
        let inside = stand_in::<Repartition>(&inside)?.unwrap_or(inside);
        Ok(Self { input, exchange, inside, properties: Arc::new(properties) })
    }
}

impl ExecutionPlan for ExchangeExec {
    fn name(&self) -> &'static str {
        "ExchangeExec"
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
        vec![self.input.properties().output_partitioning().partition_count() <= 1]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::try_new(only(children)?, self.exchange.clone())?))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        match &self.exchange {
            Exchange::Rows(_) => Ok(TreeNodeRecursion::Continue),
            Exchange::Keys(keys, _) => apply_expression_roots(keys, f),
        }
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.inside.execute(partition, task)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.inside.metrics()
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.inside.child_stats_requests(partition)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        self.inside.statistics_from_inputs(inputs, args)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

impl DisplayAs for ExchangeExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match &self.exchange {
            Exchange::Rows(count) => format!("partitions={count}"),
            Exchange::Keys(keys, count) => {
                let keys = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                format!("keys=[{keys}], partitions={count}")
            }
        };
        match format {
            DisplayFormatType::TreeRender => write!(f, "{}", how.replace(", partitions", "\npartitions")),
            _ => write!(f, "ExchangeExec: {how}"),
        }
    }
}
