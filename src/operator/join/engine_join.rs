//! The engine's join, which ours runs on all of its input or on parts of it.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::physical_expr::projection::ProjectionRef;
use datafusion::physical_plan::joins::utils::{JoinFilter, JoinOn, build_join_schema};
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, PartitionMode,
};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};

use super::range::ranged;

/// A join by equal keys, or one that compares every build row with every probe row.
#[derive(Debug, Clone)]
pub(crate) enum EngineJoin {
    Hash(Arc<HashJoinExec>),
    NestedLoop(Arc<NestedLoopJoinExec>),
}

impl EngineJoin {
    /// The join that `plan` is, if it can be run on parts of its input. A cross join is a nested-loop join without a
    /// filter.
    ///
    /// Inputs without an end are left to the engine: there is nothing to spill before they have ended.
    pub(crate) fn of(plan: &dyn ExecutionPlan) -> Result<Option<Self>> {
        if plan.children().iter().any(|side| side.boundedness().is_unbounded()) {
            return Ok(None);
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>().filter(|join| join.mode != PartitionMode::Auto) {
            return Ok(Some(Self::Hash(Arc::new(join.builder().build()?))));
        }
        let nested_loop = match (plan.downcast_ref::<NestedLoopJoinExec>(), plan.downcast_ref::<CrossJoinExec>()) {
            (Some(join), _) => NestedLoopJoinExecBuilder::from(join),
            (_, Some(join)) => {
                NestedLoopJoinExecBuilder::new(Arc::clone(join.left()), Arc::clone(join.right()), JoinType::Inner)
            }
            _ => return Ok(None),
        };
        Ok(Some(Self::NestedLoop(Arc::new(nested_loop.build()?))))
    }

    /// The join as the engine runs it.
    pub(super) fn plan(&self) -> &dyn ExecutionPlan {
        match self {
            Self::Hash(join) => join.as_ref(),
            Self::NestedLoop(join) => join.as_ref(),
        }
    }

    pub(super) fn left(&self) -> &Arc<dyn ExecutionPlan> {
        match self {
            Self::Hash(join) => join.left(),
            Self::NestedLoop(join) => join.left(),
        }
    }

    pub(super) fn right(&self) -> &Arc<dyn ExecutionPlan> {
        match self {
            Self::Hash(join) => join.right(),
            Self::NestedLoop(join) => join.right(),
        }
    }

    /// The pairs of keys; none where every row is compared with every other.
    pub(super) fn on(&self) -> &JoinOn {
        static NONE: JoinOn = JoinOn::new();
        match self {
            Self::Hash(join) => &join.on,
            Self::NestedLoop(_) => &NONE,
        }
    }

    pub(super) fn join_type(&self) -> JoinType {
        match self {
            Self::Hash(join) => *join.join_type(),
            Self::NestedLoop(join) => *join.join_type(),
        }
    }

    pub(super) fn null_equality(&self) -> NullEquality {
        match self {
            Self::Hash(join) => join.null_equality(),
            Self::NestedLoop(_) => NullEquality::NullEqualsNothing,
        }
    }

    /// What pairs with equal keys have to fulfil besides.
    pub(super) fn filter(&self) -> Option<&JoinFilter> {
        match self {
            Self::Hash(join) => join.filter(),
            Self::NestedLoop(join) => join.filter(),
        }
    }

    pub(super) fn is_null_aware(&self) -> bool {
        matches!(self, Self::Hash(join) if join.null_aware)
    }

    /// Whether all output partitions share one build side.
    pub(super) fn shares_build_side(&self) -> bool {
        !matches!(self, Self::Hash(join) if join.mode != PartitionMode::CollectLeft)
    }

    pub(super) fn projection(&self) -> Option<&ProjectionRef> {
        match self {
            Self::Hash(join) => join.projection.as_ref(),
            Self::NestedLoop(join) => join.projection().as_ref(),
        }
    }

    /// The columns that the projection picks from.
    pub(super) fn join_schema(&self) -> SchemaRef {
        match self {
            Self::Hash(join) => Arc::clone(join.join_schema()),
            Self::NestedLoop(join) => {
                Arc::new(build_join_schema(&join.left().schema(), &join.right().schema(), join.join_type()).0)
            }
        }
    }

    pub(super) fn fetch(&self) -> Option<usize> {
        self.plan().fetch()
    }

    pub(super) fn with_fetch(&self, fetch: Option<usize>) -> Option<Self> {
        match self {
            Self::Hash(join) => Some(Self::Hash(Arc::new(join.builder().with_fetch(fetch).build().ok()?))),
            Self::NestedLoop(_) => None,
        }
    }

    /// The same join of other inputs that give the same columns. Its dynamic filter goes with it, which a scan below
    /// the probe side already looks at.
    pub(super) fn over(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match self {
            Self::Hash(join) => join.builder().with_new_children(children)?.build_exec(),
            Self::NestedLoop(join) => {
                let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
                ranged(Arc::clone(join).replace_children(children, options)?)
            }
        }
    }

    /// The same join of children that may be ordered or partitioned in another way.
    pub(super) fn with_children(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Self> {
        Ok(match (self, children.pop(), children.pop()) {
            (Self::NestedLoop(join), Some(right), Some(left)) => {
                let builder = NestedLoopJoinExecBuilder::new(left, right, *join.join_type());
                let builder = builder.with_filter(join.filter().cloned());
                Self::NestedLoop(Arc::new(builder.with_projection_ref(join.projection().clone()).build()?))
            }
            (Self::Hash(join), right, left) => {
                let children = left.into_iter().chain(right).collect();
                let join = join.builder().recompute_properties().with_new_children(children)?.build()?;
                Self::Hash(Arc::new(join))
            }
            (join, ..) => join.clone(),
        })
    }

    /// The same join that has not run.
    pub(super) fn reset(&self) -> Result<Self> {
        match self {
            Self::Hash(join) => Ok(Self::Hash(Arc::new(join.builder().reset_state().build()?))),
            Self::NestedLoop(join) => {
                Ok(Self::NestedLoop(Arc::new(NestedLoopJoinExecBuilder::from(join.as_ref()).build()?)))
            }
        }
    }

    /// The same join with its filter changed.
    pub(super) fn map_filter(&self, change: impl Fn(&JoinFilter) -> JoinFilter) -> Result<Self> {
        Ok(match self {
            Self::Hash(join) => {
                let filter = join.filter().map(change);
                Self::Hash(Arc::new(join.builder().with_filter(filter).build()?))
            }
            Self::NestedLoop(join) => {
                let filter = join.filter().map(change);
                let builder = NestedLoopJoinExecBuilder::from(join.as_ref()).with_filter(filter);
                Self::NestedLoop(Arc::new(builder.build()?))
            }
        })
    }

    /// The join of a part of the build side with a part of the probe side, giving the columns of `projection`.
    pub(super) fn part(
        &self,
        join_type: JoinType,
        build: Arc<dyn ExecutionPlan>,
        probe: Arc<dyn ExecutionPlan>,
        projection: Vec<usize>,
    ) -> Result<Self> {
        match self {
            Self::Hash(join) => {
                let builder = join.builder().reset_state().with_fetch(None).with_null_aware(false);
                let builder = builder.with_type(join_type).with_partition_mode(PartitionMode::CollectLeft);
                let builder = builder.with_projection(Some(projection)).with_new_children(vec![build, probe])?;
                Ok(Self::Hash(Arc::new(builder.build()?)))
            }
            Self::NestedLoop(join) => {
                let builder = NestedLoopJoinExecBuilder::new(build, probe, join_type);
                let builder = builder.with_filter(join.filter().cloned()).with_projection(Some(projection));
                Ok(Self::NestedLoop(Arc::new(builder.build()?)))
            }
        }
    }

    /// The same rows with the probe side held and the build side streamed.
    pub(super) fn swapped(&self) -> Result<Arc<dyn ExecutionPlan>> {
        match self {
            Self::Hash(join) => join.swap_inputs(PartitionMode::CollectLeft),
            Self::NestedLoop(join) => ranged(join.swap_inputs()?),
        }
    }

    /// It, to be run.
    pub(super) fn into_plan(self) -> Result<Arc<dyn ExecutionPlan>> {
        match self {
            Self::Hash(join) => Ok(join),
            Self::NestedLoop(join) => ranged(join),
        }
    }
}
