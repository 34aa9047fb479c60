//! Aggregates from rows to results.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::{
    AggregateExec, AggregateInputMode, AggregateMode, AggregateOutputMode, PhysicalGroupBy,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

/// One that makes results of rows at once, or one of the states of a partial one below it, with no exchange between the
/// two yet.
pub(super) struct CompleteAggregate<'a> {
    /// The one that takes rows.
    pub(super) first: &'a AggregateExec,
    last: Option<&'a AggregateExec>,
}

/// Functions with the filter of each.
pub(super) type Functions = Vec<(Arc<AggregateFunctionExpr>, Option<Arc<dyn PhysicalExpr>>)>;

impl<'a> CompleteAggregate<'a> {
    /// The aggregate that ends with `node`.
    pub(super) fn of(node: &'a Arc<dyn ExecutionPlan>) -> Option<Self> {
        let last = node.downcast_ref::<AggregateExec>()?;
        match (last.mode().input_mode(), last.mode().output_mode()) {
            (AggregateInputMode::Raw, AggregateOutputMode::Final) => Some(Self { first: last, last: None }),
            (AggregateInputMode::Partial, AggregateOutputMode::Final) => {
                let first = last.input().downcast_ref::<AggregateExec>()?;
                let is_partial = *first.mode() == AggregateMode::Partial;
                (is_partial && first.aggr_expr().len() == last.aggr_expr().len())
                    .then_some(Self { first, last: Some(last) })
            }
            _ => None,
        }
    }

    /// The one that makes results.
    pub(super) fn last(&self) -> &'a AggregateExec {
        self.last.unwrap_or(self.first)
    }

    /// Its functions.
    pub(super) fn functions(&self) -> Functions {
        self.first.aggr_expr().iter().cloned().zip(self.first.filter_expr().iter().cloned()).collect()
    }

    /// The same steps with other groups and functions.
    pub(super) fn with(&self, groups: PhysicalGroupBy, functions: Functions) -> Result<Arc<dyn ExecutionPlan>> {
        let (functions, filters): (Vec<_>, Vec<_>) = functions.into_iter().unzip();
        let of_groups = groups.as_final();
        let step = |step: &AggregateExec, groups, input| {
            AggregateExec::try_new(*step.mode(), groups, functions.clone(), filters.clone(), input, step.input_schema())
        };
        let first: Arc<dyn ExecutionPlan> = Arc::new(step(self.first, groups, Arc::clone(self.first.input()))?);
        Ok(match self.last {
            Some(last) => Arc::new(step(last, of_groups, first)?),
            None => first,
        })
    }
}
