//! The stored table as the engine sees it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::runtime::JoinSet;
use datafusion::common::{Constraints, Result as EngineResult, SchemaExt, not_impl_err};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use futures::StreamExt;
use parking_lot::RwLock;

use super::append::AppendSink;
use super::change::{Change, ChangeExec};
use super::partitions::{Intake, Partition};
use super::scan::StoredScanExec;
use crate::error::{Error, Result};
use crate::memory::{Memory, Store, StoredBatch};

/// A table whose rows are in memory while the budget has room, and on disk otherwise.
///
/// ```text
/// StoredTable ──► partitions now: [ Partition(store 0, batches) , Partition(store 1, batches) ]
///                      ▲ read once by a scan: it keeps the rows it saw, whatever is written later
///                      ▲ replaced as a whole by a writer, when everything it writes is there
/// ```
///
/// Clones are the same table. Its memory and its files are given back when the last clone and the last scan are gone.
#[derive(Clone)]
pub(crate) struct StoredTable {
    inner: Arc<Inner>,
}

struct Inner {
    name: Arc<str>,
    schema: SchemaRef,
    constraints: Constraints,
    column_defaults: HashMap<String, Expr>,
    memory: Arc<Memory>,
    partitions: RwLock<Vec<Partition>>,
    /// Held by whoever replaces the partitions from reading them to replacing them; never by a reader.
    writer: tokio::sync::Mutex<()>,
}

impl StoredTable {
    /// An empty table.
    pub(crate) fn new(
        memory: Arc<Memory>,
        name: &str,
        schema: SchemaRef,
        constraints: Constraints,
        column_defaults: HashMap<String, Expr>,
    ) -> Self {
        let first = Partition::empty(Store::create(&memory, name, 0, SchemaRef::clone(&schema)));
        let (partitions, writer) = (RwLock::new(vec![first]), tokio::sync::Mutex::default());
        let name = name.into();
        Self { inner: Arc::new(Inner { name, schema, constraints, column_defaults, memory, partitions, writer }) }
    }

    /// Fills the table with the rows of a plan: all its partitions at once, into at most `most` partitions of the
    /// table. The rows of one partition of the plan keep their order.
    ///
    /// Errors: what goes wrong in the plan or on disk. The table then has its old rows.
    pub(crate) async fn fill(&self, plan: Arc<dyn ExecutionPlan>, task: Arc<TaskContext>, most: usize) -> Result<()> {
        let batch_size = task.session_config().batch_size();
        let streams = execute_stream_partitioned(plan, task)?;
        let stores = self.new_stores(streams.len().min(most).max(1));
        let mut partitions: Vec<_> = stores.iter().map(|store| Partition::empty(Arc::clone(store))).collect();
        let streams_count = streams.len();
        let mut tasks = JoinSet::new();
        for (number, stream) in streams.into_iter().enumerate() {
            let store = number * stores.len() / streams_count;
            let (table, into) = (self.clone(), Arc::clone(&stores[store]));
            tasks.spawn(async move { Ok((number, store, table.keep(into, stream, batch_size).await?)) });
        }
        let mut filled = all(tasks).await?;
        filled.sort_by_key(|(number, ..)| *number);
        for (_, store, batches) in filled {
            Arc::make_mut(&mut partitions[store].batches).extend(batches);
        }
        let _writer = self.inner.writer.lock().await;
        self.replace(partitions);
        Ok(())
    }

    /// Fills the table with batches at hand: as many partitions as said, each with the next share of the rows.
    ///
    /// Errors: batches of other columns than the table's; the spill folder is full or fails.
    pub(crate) fn fill_with(&self, batches: Vec<RecordBatch>, partitions: usize, batch_size: usize) -> Result<()> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let share = rows.div_ceil(partitions.max(1)).max(1);
        let mut filled: Vec<_> = self.new_stores(partitions).into_iter().map(Partition::empty).collect();
        let mut intakes: Vec<_> = filled.iter().map(|_| Intake::new(self.schema(), batch_size)).collect();
        let mut keep = |number: usize, ready: Vec<RecordBatch>| -> Result<()> {
            let Partition { store, batches } = &mut filled[number];
            let stored = ready.iter().map(|batch| store.push(batch)).collect::<Result<Vec<_>>>()?;
            Arc::make_mut(batches).extend(stored);
            Ok(())
        };
        let mut row = 0;
        for batch in batches {
            let mut offset = 0;
            while offset < batch.num_rows() {
                let (number, rows) = (row / share, (share - row % share).min(batch.num_rows() - offset));
                keep(number, intakes[number].push(&batch.slice(offset, rows))?)?;
                (row, offset) = (row + rows, offset + rows);
            }
        }
        for (number, intake) in intakes.into_iter().enumerate() {
            keep(number, intake.finish()?)?;
        }
        self.replace(filled);
        Ok(())
    }

    /// Puts all batches of a stream into `store`. Dropping it drops what was stored so far.
    async fn keep(
        &self,
        store: Arc<Store>,
        mut stream: SendableRecordBatchStream,
        batch_size: usize,
    ) -> Result<Vec<Arc<StoredBatch>>> {
        let mut intake = Intake::new(self.schema(), batch_size);
        let mut stored = Vec::new();
        while let Some(batch) = stream.next().await.transpose()? {
            for ready in intake.push(&batch)? {
                stored.push(store.push(&ready)?);
            }
        }
        for last in intake.finish()? {
            stored.push(store.push(&last)?);
        }
        Ok(stored)
    }

    pub(super) fn new_stores(&self, count: usize) -> Vec<Arc<Store>> {
        let Inner { memory, name, schema, .. } = &*self.inner;
        (0..count).map(|number| Store::create(memory, name, number, SchemaRef::clone(schema))).collect()
    }

    /// The rows now.
    pub(super) fn snapshot(&self) -> Vec<Partition> {
        self.inner.partitions.read().clone()
    }

    /// Replaces all rows; by the holder of [`StoredTable::writer`] alone.
    pub(super) fn replace(&self, partitions: Vec<Partition>) {
        let old = std::mem::replace(&mut *self.inner.partitions.write(), partitions);
        // Out of the lock: the last handle gives memory back and removes files.
        drop(old);
    }

    /// Changes the rows in place; by the holder of [`StoredTable::writer`] alone.
    pub(super) fn edit(&self, change: impl FnOnce(&mut [Partition])) {
        change(&mut self.inner.partitions.write());
    }

    /// Waits for its turn to write.
    pub(super) async fn writer(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.writer.lock().await
    }

    /// The scan of the rows as they are now.
    pub(super) fn scan_now(
        &self,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> EngineResult<StoredScanExec> {
        let partitions = self.snapshot().into_iter().map(|partition| partition.batches.to_vec()).collect();
        let Inner { name, schema, .. } = &*self.inner;
        StoredScanExec::try_new(Arc::clone(name), schema, partitions, projection, limit)
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.inner.name
    }
}

/// The results of all tasks. After the first error the others are ended, and waited for: nothing of them stays.
pub(super) async fn all<T: 'static + Send>(mut tasks: JoinSet<Result<T>>) -> Result<Vec<T>> {
    let mut results = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined.map_err(|error| Error::internal(format!("a task of a stored table ended: {error}"))) {
            Ok(Ok(result)) => results.push(result),
            Ok(Err(error)) | Err(error) => {
                tasks.shutdown().await;
                return Err(error);
            }
        }
    }
    Ok(results)
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.inner.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.inner.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.inner.column_defaults.get(column)
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.scan_now(projection, limit)?))
    }

    async fn insert_into(
        &self,
        _: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        self.schema().logically_equivalent_names_and_types(&input.schema())?;
        if op != InsertOp::Append {
            return not_impl_err!("{op} into a table in memory");
        }
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(AppendSink::new(self.clone())), None)))
    }

    /// DELETE and UPDATE come by way of [`Change`] instead: of them the engine tells a table too little.
    async fn truncate(&self, _: &dyn Session) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(ChangeExec::new(self.clone(), Change::Delete { predicate: None })))
    }
}

impl fmt::Debug for StoredTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTable").field("name", &self.inner.name).finish_non_exhaustive()
    }
}
