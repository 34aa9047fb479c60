//! The operator: the engine's recursive query, with its steps and all rows ever seen on disk where they must be.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::work_table::WorkTableExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, InputDistributionRequirements,
    PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};

use super::step_exec::{StepExec, StepTable};
use super::stream::Recursion;
use crate::error::Error;
use crate::operator::spill::SpillFigures;

/// A recursive query of any number of rows.
#[derive(Debug)]
pub(crate) struct SpillingRecursionExec {
    name: String,
    is_distinct: bool,
    first: Arc<dyn ExecutionPlan>,
    recursive: Arc<dyn ExecutionPlan>,
    table: StepTable,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SpillingRecursionExec {
    /// The same query as `query`; none where its recursive term reads the table in a way that is not known here.
    pub(crate) fn new(query: &RecursiveQueryExec) -> Result<Option<Self>> {
        let table = StepTable::default();
        let rows = query.schema();
        let mut found = false;
        let recursive = Arc::clone(query.recursive_term()).transform_down(|node| {
            let scan = node.downcast_ref::<WorkTableExec>().filter(|scan| scan.name() == query.name());
            let step = scan.and_then(|scan| StepExec::new(scan, Arc::clone(&rows), table.clone()));
            found |= step.is_some();
            Ok(step.map_or(Transformed::no(node), |step| Transformed::yes(Arc::new(step) as _)))
        })?;
        Ok(found.then(|| Self {
            name: query.name().to_string(),
            is_distinct: query.is_distinct(),
            first: Arc::clone(query.static_term()),
            recursive: recursive.data,
            table,
            properties: Arc::clone(query.properties()),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }
}

impl DisplayAs for SpillingRecursionExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpillingRecursionExec: name={}, is_distinct={}", self.name, self.is_distinct)
    }
}

impl ExecutionPlan for SpillingRecursionExec {
    fn name(&self) -> &str {
        "SpillingRecursionExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.first, &self.recursive]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false, false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false, false]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition; 2])
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([first, recursive]) = <[_; 2]>::try_from(children) else {
            return Err(Error::internal("a recursive query has two terms").into());
        };
        Ok(Arc::new(Self {
            name: self.name.clone(),
            is_distinct: self.is_distinct,
            first,
            recursive,
            // The scan in the recursive term knows it.
            table: self.table.clone(),
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
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

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let recursion = Recursion {
            name: self.name().to_string(),
            schema: self.schema(),
            is_distinct: self.is_distinct,
            recursive: Arc::clone(&self.recursive),
            table: self.table.clone(),
            figures: SpillFigures::new(&self.metrics, partition),
            baseline: BaselineMetrics::new(&self.metrics, partition),
            context: Arc::clone(&context),
        };
        recursion.stream(self.first.execute(0, context)?)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
