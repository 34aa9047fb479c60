//! What CACHE TABLE makes.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as EngineResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

/// The computed rows of a table or view, in its place until UNCACHE TABLE.
#[derive(Debug)]
pub(crate) struct CachedTable {
    rows: Arc<dyn TableProvider>,
    original: Arc<dyn TableProvider>,
}

impl CachedTable {
    pub(crate) fn new(rows: Arc<dyn TableProvider>, original: Arc<dyn TableProvider>) -> Self {
        Self { rows, original }
    }

    /// The table whose rows these are.
    pub(crate) fn original(&self) -> &Arc<dyn TableProvider> {
        &self.original
    }
}

#[async_trait]
impl TableProvider for CachedTable {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        self.original.table_type()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.rows.scan(state, projection, filters, limit).await
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.rows.insert_into(state, input, op).await
    }
}
