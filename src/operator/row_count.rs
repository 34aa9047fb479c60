//! How many rows a plan has.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::stats::Precision;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// How many rows come out of `plan`, as far as its statistics tell before it runs.
pub(crate) fn row_count(plan: &Arc<dyn ExecutionPlan>) -> Result<Precision<usize>> {
    Ok(StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?.num_rows)
}
