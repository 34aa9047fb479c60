//! The computed partitions of a frame.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as EngineResult;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr};

use super::table::StoredTable;
use crate::error::{Error, Result};
use crate::memory::Memory;

/// A table of exactly the partitions that a plan had, which nobody writes to. Where the plan had dealt its rows out by
/// keys, joins and aggregates on the keys take the partitions as they are.
#[derive(Debug)]
pub(crate) struct PersistedTable {
    rows: StoredTable,
    /// The columns whose hash says which partition a row is in.
    keys: Option<Vec<usize>>,
}

impl PersistedTable {
    /// Runs the plan and keeps its partitions. `schema` has other names for its columns, no two the same.
    pub(crate) async fn of(
        memory: Arc<Memory>,
        name: &str,
        schema: SchemaRef,
        plan: Arc<dyn ExecutionPlan>,
        task: Arc<TaskContext>,
    ) -> Result<Self> {
        let keys = hash_keys(plan.output_partitioning());
        let rows = StoredTable::new(memory, name, schema, Default::default(), HashMap::new());
        rows.fill(plan, task, usize::MAX).await?;
        Ok(Self { rows, keys })
    }
}

/// The columns whose hash says which partition a row is in, where it is columns.
pub(crate) fn hash_keys(partitioning: &Partitioning) -> Option<Vec<usize>> {
    let Partitioning::Hash(keys, _) = partitioning else { return None };
    let column = |key: &Arc<dyn PhysicalExpr>| key.downcast_ref::<Column>().map(Column::index);
    keys.iter().map(column).collect()
}

#[async_trait]
impl TableProvider for PersistedTable {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.rows.scan_now(projection, limit)?.fixed(self.keys.as_deref())))
    }

    async fn insert_into(
        &self,
        _: &dyn Session,
        _: Arc<dyn ExecutionPlan>,
        _: InsertOp,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Err(Error::user(format!("'{}' is computed rows, which nothing is added to", self.rows.name()))
            .with_hint("UNCACHE TABLE first, or make a table of them with CREATE TABLE AS")
            .into())
    }
}
