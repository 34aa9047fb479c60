//! The plan that reads a step.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::work_table::WorkTableExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;
use parking_lot::Mutex;

use super::step::Step;
use crate::error::Error;

/// Where the rows of the step before are put for the recursive term to take them.
#[derive(Default, Clone)]
pub(super) struct StepTable(Arc<Mutex<Option<Step>>>);

impl StepTable {
    pub(super) fn put(&self, step: Step) {
        *self.0.lock() = Some(step);
    }

    /// Forgets the rows, if nobody has taken them.
    pub(super) fn clear(&self) {
        *self.0.lock() = None;
    }
}

impl fmt::Debug for StepTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.lock().is_some() { "full" } else { "empty" })
    }
}

/// Stands in place of the engine's scan of the table that a recursive term names.
#[derive(Debug)]
pub(super) struct StepExec {
    scan: Arc<WorkTableExec>,
    table: StepTable,
    /// The columns of a whole row, and those of them that are wanted.
    rows: SchemaRef,
    columns: Vec<usize>,
    metrics: ExecutionPlanMetricsSet,
}

impl StepExec {
    /// None where the columns of the scan cannot be told by their names.
    pub(super) fn new(scan: &WorkTableExec, rows: SchemaRef, table: StepTable) -> Option<Self> {
        let place = |name: &str| {
            let mut places = rows.fields().iter().enumerate().filter(|(_, field)| field.name() == name);
            let (place, _) = places.next()?;
            places.next().is_none().then_some(place)
        };
        let columns = scan.schema().fields().iter().map(|field| place(field.name())).collect::<Option<_>>()?;
        Some(Self { scan: Arc::new(scan.clone()), table, rows, columns, metrics: ExecutionPlanMetricsSet::new() })
    }
}

impl DisplayAs for StepExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepExec: name={}", self.scan.name())
    }
}

impl ExecutionPlan for StepExec {
    fn name(&self) -> &str {
        "StepExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let step = self.table.0.lock().take();
        let step = step.ok_or_else(|| Error::internal("the rows of a step are read twice"))?;
        let (columns, baseline) = (self.columns.clone(), BaselineMetrics::new(&self.metrics, partition));
        let rows = step.stream(Arc::clone(&self.rows)).map(move |batch| {
            let batch = batch?.project(&columns)?;
            baseline.record_output(batch.num_rows());
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(ExecutionPlan::schema(self), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&ExecutionPlan::schema(self))))
    }
}
