//! Joins without equal keys, whose threads have the same to do.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, Partitioning, ReplaceChildrenOptions,
};

use crate::operator::row_count;

/// Deals the probe side of such a join out batch by batch.
///
/// ```text
/// NestedLoopJoinExec: filter=a < b        NestedLoopJoinExec: filter=a < b
///   CoalescePartitionsExec                  CoalescePartitionsExec
///   FilterExec: key <= 20000         →      RepartitionExec: RoundRobinBatch(2)
///     DataSourceExec: 2 groups                FilterExec: key <= 20000
///                                               DataSourceExec: 2 groups
/// ```
///
/// Each probe row is compared with every build row. The parts of a file are not equally many rows after a filter, and a
/// thread whose part has none would watch the other work.
#[derive(Debug)]
pub(crate) struct EvenProbes;

impl PhysicalOptimizerRule for EvenProbes {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let is_join = node.is::<NestedLoopJoinExec>() || node.is::<CrossJoinExec>();
            let [build, probe] = node.children()[..] else { return Ok(Transformed::no(node)) };
            if !is_join || !may_be_dealt(probe) || is_one_row(build)? {
                return Ok(Transformed::no(node));
            }
            let dealt = Partitioning::RoundRobinBatch(probe.output_partitioning().partition_count());
            let children: Vec<Arc<dyn ExecutionPlan>> =
                vec![Arc::clone(build), Arc::new(RepartitionExec::try_new(Arc::clone(probe), dealt)?)];
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(node.replace_children(children, options)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "even_probes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether nothing above can count on the order of the rows, or on equal keys being together.
fn may_be_dealt(probe: &Arc<dyn ExecutionPlan>) -> bool {
    let unknown = matches!(probe.output_partitioning(), Partitioning::UnknownPartitioning(count) if *count > 1);
    unknown && probe.output_ordering().is_none()
}

/// The value of a subquery costs each probe row a single comparison: less than to be dealt out.
fn is_one_row(build: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    Ok(row_count(build)?.get_value().is_some_and(|rows| *rows <= 1))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};

    use super::*;
    use crate::Context;

    async fn physical_plan(sql: &str) -> String {
        let ctx = Context::builder().threads(2).build().unwrap();
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
        for table in ["a", "b"] {
            ctx.from_batches(vec![batch.clone(), batch.clone()], 2).unwrap().register(table).unwrap();
        }
        ctx.sql(sql).await.unwrap().explain().await.unwrap()
    }

    /// All probe rows that a filter had left came from one half of the file: the second thread had nothing to compare.
    #[tokio::test]
    async fn the_probe_side_is_dealt_out_where_it_is_compared_with_many() {
        let dealt = "RoundRobinBatch(2), input_partitions=2";
        let plan = physical_plan("SELECT count(*) FROM a JOIN b ON a.x < b.x").await;
        assert!(plan.contains(dealt), "{plan}");
        let plan = physical_plan("SELECT count(*) FROM b, (SELECT max(x) AS m FROM a) WHERE x < m").await;
        assert!(!plan.contains(dealt), "{plan}");
    }
}
