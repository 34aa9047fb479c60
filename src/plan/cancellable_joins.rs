//! Joins look whether their query has been cancelled while they compare rows.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use crate::error::Error;

/// The word that a query has been cancelled. Clones are the same word.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Makes the filters of joins fail once `flag` is set.
///
/// A join whose filter lets no pair pass makes no batch, so that nothing above it can give way: ten million rows
/// compared with a batch of 8,192 take minutes of one poll. Its filter is what it comes back to all the time.
pub(crate) fn cancellable_joins(plan: Arc<dyn ExecutionPlan>, flag: &CancelFlag) -> Result<Arc<dyn ExecutionPlan>> {
    let watched = |filter: &JoinFilter| {
        let inner = Arc::clone(filter.expression());
        let expression = Arc::new(Cancellable { inner, flag: flag.clone() });
        JoinFilter::new(expression, filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    };
    let changed = plan.transform_up(|plan| {
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>()
            && let Some(filter) = join.filter()
        {
            let join = NestedLoopJoinExecBuilder::from(join).with_filter(Some(watched(filter))).build()?;
            return Ok(Transformed::yes(Arc::new(join) as _));
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>()
            && let Some(filter) = join.filter()
        {
            return Ok(Transformed::yes(join.builder().with_filter(Some(watched(filter))).build_exec()?));
        }
        Ok(Transformed::no(plan))
    });
    changed.map(|changed| changed.data)
}

/// An expression that fails once its query is cancelled, and is its inner one until then.
#[derive(Debug)]
struct Cancellable {
    inner: Arc<dyn PhysicalExpr>,
    flag: CancelFlag,
}

impl PhysicalExpr for Cancellable {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.flag.is_set() { Err(Error::cancelled().into()) } else { self.inner.evaluate(batch) }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Arc::new(Self { inner, flag: self.flag.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}

impl fmt::Display for Cancellable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PartialEq for Cancellable {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Cancellable {}

impl Hash for Cancellable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use futures::TryStreamExt;

    use crate::context::Context;

    /// A nested-loop join that matches nothing went on for minutes after its query was cancelled.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_join_without_matches_ends_with_its_query() {
        let context = Context::builder().threads(2).build().unwrap();
        let sql = "SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b \
                   WHERE a.value * b.value = -5";
        let run = context.sql(sql).await.unwrap().run().await.unwrap();
        let monitor = run.monitor();
        let task = tokio::spawn(run.try_collect::<Vec<_>>());
        // The runtime's own clock stands still while its workers compare rows.
        std::thread::sleep(Duration::from_millis(1500));
        assert!(!task.is_finished(), "it was to take long");
        monitor.cancel();
        let cancelled = Instant::now();
        assert!(task.await.unwrap().unwrap_err().is_cancelled());
        assert!(cancelled.elapsed() < Duration::from_secs(1), "{:?}", cancelled.elapsed());
    }
}
