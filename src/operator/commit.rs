//! A write that is there entirely or not at all.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigNonZeroUsize;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::TryStreamExt;
use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use super::staging::Staging;
use super::staging_store::StagingRegistry;
use crate::error::Error;

/// How much a file's writer gathers before it goes to disk, in bytes. The engine's 10 MB are meant for stores over a
/// network; here every open partition would hold them, unseen by the budget.
const WRITE_BUFFER: usize = 256 << 10;

/// Runs the write below it into a [`Staging`] and commits when it has succeeded.
///
/// ```text
/// CommitExec                  after the last row: move all files to their places, forget cached listings
///   DataSinkExec              writes files through the context's store, which here is the staging's
///     CoalescePartitionsExec  reads through the same store: reads pass
///       …
/// ```
///
/// Neither the sink nor its format knows of it: the task context that it runs in has a store for local files that
/// stages writes. After an error, a cancel or a drop the staging goes with all it holds. Writes to other stores pass
/// through; there the store itself makes each file whole.
#[derive(Debug)]
pub(crate) struct CommitExec {
    write: Arc<dyn ExecutionPlan>,
}

impl CommitExec {
    /// Commits what `write` writes.
    pub(crate) fn new(write: Arc<dyn ExecutionPlan>) -> Self {
        Self { write }
    }
}

impl DisplayAs for CommitExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str("CommitExec"),
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for CommitExec {
    fn name(&self) -> &str {
        "CommitExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.write.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.write]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([write]) => Ok(Arc::new(Self::new(write))),
            Err(_) => Err(Error::internal("a commit has one write below it").into()),
        }
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
        let staging = Arc::new(Mutex::new(Staging::default()));
        let runtime = context.runtime_env();
        let write = self.write.execute(partition, staged(&context, &runtime, &staging)?)?;
        let batches = futures::stream::once(commit_after(write, Closing(staging), runtime))
            .map_ok(|batches| futures::stream::iter(batches.into_iter().map(Ok)))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        None
    }
}

/// The same task with a store that stages writes.
fn staged(task: &TaskContext, runtime: &RuntimeEnv, staging: &Arc<Mutex<Staging>>) -> Result<Arc<TaskContext>> {
    let registry = StagingRegistry::new(Arc::clone(&runtime.object_store_registry), Arc::clone(staging));
    let runtime = RuntimeEnvBuilder::from_runtime_env(runtime).with_object_store_registry(Arc::new(registry));
    let mut config = task.session_config().clone();
    // A folder gets several files at once, each with a row group in memory: more than there are cores help nobody.
    let files = ConfigNonZeroUsize::try_new(config.target_partitions())?;
    let options = &mut config.options_mut().execution;
    options.minimum_parallel_output_files = options.minimum_parallel_output_files.min(files);
    options.objectstore_writer_buffer_size = options.objectstore_writer_buffer_size.min(WRITE_BUFFER);
    Ok(Arc::new(TaskContext::new(
        task.task_id(),
        task.session_id(),
        config,
        task.scalar_functions().clone(),
        task.higher_order_functions().clone(),
        task.aggregate_functions().clone(),
        task.window_functions().clone(),
        runtime.build_arc()?,
    )))
}

/// Closes the staging when the write ends in whatever way; the tasks that write end a little later.
struct Closing(Arc<Mutex<Staging>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.lock().close();
    }
}

/// Runs `write` to its end, then commits; the rows (one: a count) come out only after that.
async fn commit_after(
    write: SendableRecordBatchStream,
    staging: Closing,
    runtime: Arc<RuntimeEnv>,
) -> Result<Vec<RecordBatch>> {
    let batches = write.try_collect::<Vec<_>>().await?;
    // Not a part of the write any more: a task that is cancelled here still finishes its moves.
    let complete = std::mem::take(&mut *staging.0.lock());
    let commit = spawn_blocking(move || complete.commit());
    let files = commit.await.map_err(|error| Error::internal(format!("the commit ended early: {error}")))??;
    if files > 0 {
        forget_listings(&runtime);
    }
    Ok(batches)
}

/// The next query must see the new files, by whatever name or path it reads them. Listing again is cheap.
fn forget_listings(runtime: &RuntimeEnv) {
    if let Some(listings) = runtime.cache_manager.get_list_files_cache() {
        listings.clear();
    }
}
