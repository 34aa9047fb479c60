//! From the logical node to its operator.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Result, internal_err};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use super::node::{PartitionNode, Partitions};
use crate::operator::{Exchange, ExchangeExec, MapExec, PickExec};

/// The engine's planner of physical plans, with our nodes.
pub(crate) fn query_planner() -> Arc<dyn QueryPlanner + Send + Sync> {
    Arc::new(Planner)
}

#[derive(Debug)]
struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(PartitionPlanner)]);
        planner.create_physical_plan(plan, session).await
    }
}

struct PartitionPlanner;

#[async_trait]
impl ExtensionPlanner for PartitionPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<PartitionNode>() else { return Ok(None) };
        let [input] = inputs else { return internal_err!("a node about partitions has one input") };
        let input = Arc::clone(input);
        Ok(Some(match &node.partitions {
            Partitions::Kept => Arc::new(PickExec::new(input, None)),
            Partitions::Count(count) => Arc::new(ExchangeExec::try_new(input, Exchange::Rows(*count))?),
            Partitions::Keys(keys, count) => {
                let schema = node.input.schema();
                let key = |key| planner.create_physical_expr(key, schema, session, context);
                let keys = keys.iter().map(key).collect::<Result<_>>()?;
                Arc::new(ExchangeExec::try_new(input, Exchange::Keys(keys, *count))?)
            }
            Partitions::Picked(partition) => Arc::new(PickExec::new(input, Some(*partition))),
            Partitions::Mapped(function, schema) => {
                Arc::new(MapExec::new(input, Arc::clone(schema.inner()), function.clone()))
            }
        }))
    }
}
