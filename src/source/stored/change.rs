//! DELETE, UPDATE and TRUNCATE on a stored table.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt64Array};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{filter_record_batch, not, prep_null_mask_filter};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::runtime::JoinSet;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as EngineResult, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, apply_expression_roots};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};

use super::partitions::{Intake, Partition};
use super::table::{StoredTable, all};
use crate::error::Result;
use crate::memory::Store;

/// What happens to the rows that match a predicate: those for which it is true, and all without one.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Delete {
        predicate: Option<Arc<dyn PhysicalExpr>>,
    },
    /// New values by the number of their column; each is computed from the old row.
    Update {
        predicate: Option<Arc<dyn PhysicalExpr>>,
        values: Vec<(usize, Arc<dyn PhysicalExpr>)>,
    },
}

impl Change {
    fn predicate(&self) -> Option<&Arc<dyn PhysicalExpr>> {
        match self {
            Self::Delete { predicate } | Self::Update { predicate, .. } => predicate.as_ref(),
        }
    }

    fn expressions(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        let values = match self {
            Self::Delete { .. } => &[][..],
            Self::Update { values, .. } => values,
        };
        self.predicate().into_iter().chain(values.iter().map(|(_, value)| value)).collect()
    }

    /// The batch after the change, and how many rows it touched.
    fn apply(&self, batch: &RecordBatch) -> Result<(RecordBatch, usize)> {
        let matches = match self.predicate() {
            Some(predicate) => matching(predicate, batch)?,
            None => BooleanArray::from(vec![true; batch.num_rows()]),
        };
        let touched = matches.true_count();
        let changed = match self {
            _ if touched == 0 => batch.clone(),
            Self::Delete { .. } => filter_record_batch(batch, &not(&matches)?)?,
            Self::Update { values, .. } => update(batch, values, &matches)?,
        };
        Ok((changed, touched))
    }
}

/// Where the predicate is true: neither false nor NULL.
fn matching(predicate: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> EngineResult<BooleanArray> {
    let matches = predicate.evaluate(batch)?.into_array(batch.num_rows())?;
    match matches.as_boolean_opt() {
        Some(matches) if matches.null_count() > 0 => Ok(prep_null_mask_filter(matches)),
        Some(matches) => Ok(matches.clone()),
        None => internal_err!("the predicate of a change is {}", matches.data_type()),
    }
}

fn update(
    batch: &RecordBatch,
    values: &[(usize, Arc<dyn PhysicalExpr>)],
    matches: &BooleanArray,
) -> EngineResult<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    for (column, value) in values {
        // Of the matching rows alone: a division by zero in another row is none of our business.
        let new = value.evaluate_selection(batch, matches)?.into_array(batch.num_rows())?;
        columns[*column] = zip(matches, &new, batch.column(*column))?;
    }
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}

/// Carries out a change when it is executed, not before, and gives one row: how many rows it touched.
///
/// New partitions are written batch by batch and then take the place of the old ones at once. Until then everybody reads
/// the old rows, and after an error they stay.
#[derive(Debug)]
pub(super) struct ChangeExec {
    table: StoredTable,
    change: Change,
    properties: Arc<PlanProperties>,
}

impl ChangeExec {
    pub(super) fn new(table: StoredTable, change: Change) -> Self {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)]));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { table, change, properties: Arc::new(properties) }
    }
}

async fn carry_out(table: StoredTable, change: Change, batch_size: usize) -> Result<usize> {
    let _writer = table.writer().await;
    let old = table.snapshot();
    let stores = table.new_stores(old.len());
    let mut tasks = JoinSet::new();
    for (number, (partition, store)) in old.into_iter().zip(stores).enumerate() {
        let rewrite = rewrite(partition, store, change.clone(), table.schema(), batch_size);
        tasks.spawn(async move { Ok((number, rewrite.await?)) });
    }
    let mut rewritten = all(tasks).await?;
    rewritten.sort_by_key(|(number, _)| *number);
    let touched = rewritten.iter().map(|(_, (_, touched))| touched).sum();
    table.replace(rewritten.into_iter().map(|(_, (partition, _))| partition).collect());
    Ok(touched)
}

async fn rewrite(
    old: Partition,
    store: Arc<Store>,
    change: Change,
    schema: SchemaRef,
    batch_size: usize,
) -> Result<(Partition, usize)> {
    let mut intake = Intake::new(schema, batch_size);
    let (mut stored, mut touched) = (Vec::new(), 0);
    for batch in old.batches.iter() {
        if let (Change::Delete { predicate: None }, rows) = (&change, batch.rows()) {
            touched += rows;
            continue;
        }
        let (changed, count) = change.apply(&batch.read(None)?)?;
        touched += count;
        for ready in intake.push(&changed)? {
            stored.push(store.push(&ready)?);
        }
        tokio::task::consume_budget().await;
    }
    for last in intake.finish()? {
        stored.push(store.push(&last)?);
    }
    Ok((Partition { store, batches: Arc::new(stored) }, touched))
}

impl ExecutionPlan for ChangeExec {
    fn name(&self) -> &'static str {
        "ChangeExec"
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
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> EngineResult<TreeNodeRecursion>,
    ) -> EngineResult<TreeNodeRecursion> {
        apply_expression_roots(self.change.expressions(), f)
    }

    fn execute(&self, _: usize, task: Arc<TaskContext>) -> EngineResult<SendableRecordBatchStream> {
        let (table, change) = (self.table.clone(), self.change.clone());
        let (schema, batch_size) = (self.schema(), task.session_config().batch_size());
        let count = {
            let schema = SchemaRef::clone(&schema);
            async move {
                let touched = carry_out(table, change, batch_size).await? as u64;
                Ok(RecordBatch::try_new(schema, vec![Arc::new(UInt64Array::from(vec![touched])) as ArrayRef])?)
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(count))))
    }
}

impl DisplayAs for ChangeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            Change::Delete { .. } => "delete",
            Change::Update { .. } => "update",
        };
        write!(f, "ChangeExec: {change}, table={}", self.table.name())?;
        match self.change.predicate() {
            Some(predicate) => write!(f, ", where {predicate}"),
            None => Ok(()),
        }
    }
}

/// One change of one table, in the place of the table a DELETE or UPDATE names.
///
/// The engine hands a table the conjuncts that are left of the predicate after optimization. Of `WHERE false` none is
/// left, nor of `WHERE x IN (SELECT …)`, and a table that took them at their word would delete every row. So the
/// predicate is compiled before the optimizer sees it, and the engine's own are not looked at.
#[derive(Debug)]
pub(crate) struct ChangeTarget {
    pub(crate) table: StoredTable,
    pub(crate) change: Change,
}

impl ChangeTarget {
    fn plan(&self) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(ChangeExec::new(self.table.clone(), self.change.clone())))
    }
}

#[async_trait]
impl TableProvider for ChangeTarget {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.table.scan(state, projection, filters, limit).await
    }

    async fn delete_from(&self, _: &dyn Session, _: Vec<Expr>) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.plan()
    }

    async fn update(
        &self,
        _: &dyn Session,
        _: Vec<(String, Expr)>,
        _: Vec<Expr>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.plan()
    }
}
