//! Files that are the partitions of a frame.

use std::sync::Arc;

use crate::source::file_scan;
use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::{ExecutionPlan, Partitioning, PhysicalExpr};

/// A table of files each of which is one partition, whatever the number of threads.
#[derive(Debug)]
pub(crate) struct KeptFiles {
    files: Arc<dyn TableProvider>,
    /// The columns whose hash says which file a row is in.
    keys: Option<Vec<usize>>,
}

impl KeptFiles {
    pub(crate) fn new(files: Arc<dyn TableProvider>, keys: Option<Vec<usize>>) -> Self {
        Self { files, keys }
    }

    fn partitioning(&self, count: usize) -> Partitioning {
        let schema = self.schema();
        let column = |at: &usize| Arc::new(Column::new(schema.field(*at).name(), *at)) as Arc<dyn PhysicalExpr>;
        match &self.keys {
            Some(keys) => Partitioning::Hash(keys.iter().map(column).collect(), count),
            None => Partitioning::UnknownPartitioning(count),
        }
    }
}

#[async_trait]
impl TableProvider for KeptFiles {
    fn schema(&self) -> SchemaRef {
        self.files.schema()
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
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.files.scan(state, projection, filters, limit).await?;
        let Some(config) = file_scan(plan.as_ref()) else { return Ok(plan) };
        let files = config.file_groups.iter().flat_map(FileGroup::iter);
        let mut files: Vec<_> = files.cloned().map(|file| FileGroup::new(vec![file])).collect();
        files.sort_by(|a, b| a.files()[0].path().cmp(b.files()[0].path()));
        let partitioning = self.partitioning(files.len());
        let config = FileScanConfigBuilder::from(config.clone()).with_file_groups(files);
        Ok(DataSourceExec::from_data_source(config.with_output_partitioning(Some(partitioning)).build()))
    }
}
