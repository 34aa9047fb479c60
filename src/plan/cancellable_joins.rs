//! Joins look whether their query has been cancelled while they compare rows.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};

use crate::operator::{CancelFlag, Cancellable, SpillingJoinExec};

/// Makes the filters of joins fail once `flag` is set.
///
/// A join whose filter lets no pair pass makes no batch, so that nothing above it can give way: ten million rows
/// compared with a batch of 8,192 take minutes of one poll. Its filter is what it comes back to all the time.
pub(crate) fn cancellable_joins(plan: Arc<dyn ExecutionPlan>, flag: &CancelFlag) -> Result<Arc<dyn ExecutionPlan>> {
    let watched = |filter: &JoinFilter| {
        let expression = Arc::new(Cancellable::new(Arc::clone(filter.expression()), flag.clone()));
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
        if let Some(join) = plan.downcast_ref::<SpillingJoinExec>() {
            return Ok(Transformed::yes(Arc::new(join.map_filter(watched)?) as _));
        }
        Ok(Transformed::no(plan))
    });
    changed.map(|changed| changed.data)
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
