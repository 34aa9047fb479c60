//! INSERT INTO a stored table.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::Result as EngineResult;
use datafusion::datasource::sink::DataSink;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use futures::StreamExt;

use super::partitions::{Intake, append};
use super::table::StoredTable;
use crate::error::Result;
use crate::memory::{Store, StoredBatch};

/// Appends a stream of rows to a stored table. They are stored as they come, and seen all at once at the end: after an
/// error there are none, and a query that reads the table it inserts into reads the rows from before.
#[derive(Debug)]
pub(super) struct AppendSink {
    table: StoredTable,
    schema: SchemaRef,
}

impl AppendSink {
    pub(super) fn new(table: StoredTable) -> Self {
        let schema = table.schema();
        Self { table, schema }
    }
}

#[async_trait]
impl DataSink for AppendSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(&self, mut rows: SendableRecordBatchStream, task: &Arc<TaskContext>) -> EngineResult<u64> {
        let batch_size = task.session_config().batch_size();
        let mut intake = Intake::new(SchemaRef::clone(&self.schema), batch_size);
        let mut deal = Deal::new(&self.table);
        while let Some(batch) = rows.next().await.transpose()? {
            deal.push(intake.push(&batch)?)?;
        }
        deal.push(intake.finish()?)?;
        let written = deal.dealt.iter().map(|(_, batch)| batch.rows() as u64).sum();
        let _writer = self.table.writer().await;
        self.table.edit(|partitions| {
            let count = partitions.len();
            deal.dealt.into_iter().for_each(|(to, batch)| append(&mut partitions[to % count], batch, batch_size));
        });
        Ok(written)
    }
}

/// Deals batches out to partitions: each to the one with the fewest rows, so that later scans are even.
struct Deal {
    stores: Vec<Arc<Store>>,
    rows: Vec<usize>,
    dealt: Vec<(usize, Arc<StoredBatch>)>,
}

impl Deal {
    fn new(table: &StoredTable) -> Self {
        let partitions = table.snapshot();
        let rows = partitions.iter().map(|partition| partition.rows()).collect();
        Self { stores: partitions.into_iter().map(|partition| partition.store).collect(), rows, dealt: Vec::new() }
    }

    fn push(&mut self, batches: Vec<RecordBatch>) -> Result<()> {
        for batch in batches {
            let to = (0..self.rows.len()).min_by_key(|partition| self.rows[*partition]).unwrap_or(0);
            self.dealt.push((to, self.stores[to].push(&batch)?));
            self.rows[to] += batch.num_rows();
        }
        Ok(())
    }
}

impl DisplayAs for AppendSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppendSink(table={})", self.table.name())
    }
}
