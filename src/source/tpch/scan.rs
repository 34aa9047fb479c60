//! The operator that generates a table of TPC-H, a batch at a time, each part on its own.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};

use super::columns;
use super::table::{Name, rows};

/// Generates the asked columns of a table in parts.
#[derive(Debug)]
pub(super) struct TpchScan {
    name: Name,
    scale: f64,
    parts: usize,
    projection: Vec<usize>,
    limit: Option<usize>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl TpchScan {
    pub(super) fn new(
        name: Name,
        scale: f64,
        parts: usize,
        table: &SchemaRef,
        projection: Vec<usize>,
        limit: Option<usize>,
    ) -> Result<Self> {
        let schema: SchemaRef = Arc::new(table.project(&projection)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(parts),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let properties = Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative));
        Ok(Self { name, scale, parts, projection, limit, schema, properties, metrics: ExecutionPlanMetricsSet::new() })
    }
}

impl DisplayAs for TpchScan {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "TpchScan: table={:?}, scale={}, projection=[{}]", self.name, self.scale, columns.join(", "))
    }
}

impl ExecutionPlan for TpchScan {
    fn name(&self) -> &str {
        "TpchScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batch_size = context.session_config().batch_size();
        let part = columns::Part { scale: self.scale, part: partition as i32 + 1, parts: self.parts as i32 };
        let mut batches = columns::batches(self.name, part, &self.projection, Arc::clone(&self.schema), batch_size);
        let mut left = self.limit.unwrap_or(usize::MAX);
        let timed = std::iter::from_fn(move || {
            let _timer = metrics.elapsed_compute().timer();
            let batch = if left > 0 { batches.next()? } else { return None };
            Some(batch.map(|batch: RecordBatch| {
                let batch = batch.slice(0, batch.num_rows().min(left));
                left -= batch.num_rows();
                batch.record_output(&metrics)
            }))
        });
        let stream = RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter(timed));
        Ok(Box::pin(cooperative(stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let num_rows = match partition {
            Some(partition) => rows(self.name, self.scale, partition + 1, self.parts),
            None => rows(self.name, self.scale, 1, 1),
        };
        let num_rows = if self.limit.is_some() { num_rows.to_inexact() } else { num_rows };
        let unknown = |_| ColumnStatistics::new_unknown();
        let column_statistics = self.schema.fields().iter().map(unknown).collect();
        Ok(Arc::new(Statistics { num_rows, total_byte_size: Precision::Absent, column_statistics }))
    }
}
