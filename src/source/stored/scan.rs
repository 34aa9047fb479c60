//! The scan of a stored table.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::limit::LimitStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};

use crate::memory::StoredBatch;

/// Reads the batches that a stored table had when the query was planned.
///
/// Each output partition streams its batches in their order, one from memory, the next from disk.
#[derive(Debug, Clone)]
pub(super) struct StoredScanExec {
    table: Arc<str>,
    partitions: Vec<Vec<Arc<StoredBatch>>>,
    projection: Option<Arc<[usize]>>,
    schema: SchemaRef,
    /// At most so many rows of each partition.
    fetch: Option<usize>,
    /// Whether the partitions are what a person asked for, and stay as they are.
    fixed: bool,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl StoredScanExec {
    /// `schema` is the table's, before the projection.
    pub(super) fn try_new(
        table: Arc<str>,
        schema: &SchemaRef,
        partitions: Vec<Vec<Arc<StoredBatch>>>,
        projection: Option<&Vec<usize>>,
        fetch: Option<usize>,
    ) -> Result<Self> {
        let schema = match projection {
            Some(columns) => schema.project(columns)?.into(),
            None => SchemaRef::clone(schema),
        };
        let properties = properties(&schema, partitions.len());
        let projection = projection.map(|columns| Arc::from(columns.as_slice()));
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { table, partitions, projection, schema, fetch, fixed: false, properties, metrics })
    }

    /// The same scan of partitions that no rule splits or merges: rows with equal values in the table's columns `keys`,
    /// where they are given, are in the one partition that the engine's hash of them says.
    pub(super) fn fixed(mut self, keys: Option<&[usize]>) -> Self {
        self.fixed = true;
        if let Some(keys) = keys.and_then(|keys| self.projected(keys)) {
            let hash = Partitioning::Hash(keys, self.partitions.len());
            self.properties = Arc::new(PlanProperties::clone(&self.properties).with_partitioning(hash));
        }
        self
    }

    /// Columns of the table as columns of the scan; none when one of them is not read.
    fn projected(&self, columns: &[usize]) -> Option<Vec<Arc<dyn PhysicalExpr>>> {
        let place = |column: &usize| match &self.projection {
            None => Some(*column),
            Some(read) => read.iter().position(|number| number == column),
        };
        let column = |at: usize| Arc::new(Column::new(self.schema.field(at).name(), at)) as Arc<dyn PhysicalExpr>;
        columns.iter().map(|number| place(number).map(column)).collect()
    }

    fn rows(&self) -> usize {
        self.partitions.iter().flatten().map(|batch| batch.rows()).sum()
    }
}

fn properties(schema: &SchemaRef, partitions: usize) -> Arc<PlanProperties> {
    let properties = PlanProperties::new(
        EquivalenceProperties::new(SchemaRef::clone(schema)),
        Partitioning::UnknownPartitioning(partitions),
        EmissionType::Incremental,
        Boundedness::Bounded,
    );
    Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative))
}

/// The same batches in their order, in at most `wanted` parts of about as many rows each.
fn split_evenly(partitions: &[Vec<Arc<StoredBatch>>], wanted: usize) -> Vec<Vec<Arc<StoredBatch>>> {
    let total: usize = partitions.iter().flatten().map(|batch| batch.rows()).sum();
    let mut parts = vec![Vec::new(); wanted];
    let mut before = 0;
    for batch in partitions.iter().flatten() {
        parts[(before * wanted / total.max(1)).min(wanted - 1)].push(Arc::clone(batch));
        before += batch.rows();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

impl ExecutionPlan for StoredScanExec {
    fn name(&self) -> &'static str {
        "StoredScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
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

    /// A table that was made by one stream is still read by every thread.
    fn repartitioned(&self, wanted: usize, _: &ConfigOptions) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if self.fixed || self.partitions.len() >= wanted || self.fetch.is_some() {
            return Ok(None);
        }
        let parts = split_evenly(&self.partitions, wanted);
        if parts.len() <= self.partitions.len() {
            return Ok(None);
        }
        let properties = properties(&self.schema, parts.len());
        Ok(Some(Arc::new(Self { partitions: parts, properties, ..self.clone() })))
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self { fetch, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(batches) = self.partitions.get(partition).cloned() else {
            return internal_err!("'{}' has no partition {partition}", self.table);
        };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let projection = self.projection.clone();
        let read = move |batch: Arc<StoredBatch>| batch.read(projection.as_deref()).map_err(Into::into);
        let rows = futures::stream::iter(batches.into_iter().map(read));
        let rows = RecordBatchStreamAdapter::new(SchemaRef::clone(&self.schema), rows);
        Ok(Box::pin(cooperative(LimitStream::new(Box::pin(rows), 0, self.fetch, metrics))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let partitions = match args.partition() {
            Some(partition) => self.partitions.get(partition..=partition).unwrap_or_default(),
            None => &self.partitions,
        };
        let count = |partition: &Vec<Arc<StoredBatch>>| partition.iter().map(|batch| batch.rows()).sum::<usize>();
        let limit = self.fetch.unwrap_or(usize::MAX);
        let bytes: usize = partitions.iter().flatten().map(|batch| batch.bytes(self.projection.as_deref())).sum();
        let rows = partitions.iter().map(|partition| count(partition).min(limit)).sum::<usize>();
        let all = partitions.iter().map(count).sum::<usize>().max(1);
        let bytes_of_some = || (bytes as u128 * rows as u128 / all as u128) as usize;
        Ok(Arc::new(Statistics {
            num_rows: Precision::Exact(rows),
            total_byte_size: match self.fetch {
                None => Precision::Exact(bytes),
                Some(_) => Precision::Inexact(bytes_of_some()),
            },
            column_statistics: Statistics::unknown_column(&self.schema),
        }))
    }
}

impl DisplayAs for StoredScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        let (columns, rows) = (columns.join(", "), self.rows());
        match format {
            DisplayFormatType::TreeRender => write!(f, "table={}\nrows={rows}", self.table)?,
            _ => write!(f, "StoredScanExec: table={}, projection=[{columns}], rows={rows}", self.table)?,
        }
        match self.fetch {
            Some(fetch) => write!(f, ", fetch={fetch}"),
            None => Ok(()),
        }
    }
}
