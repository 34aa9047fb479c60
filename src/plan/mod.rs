//! Rules that make a better plan of a plan: one rule a file, in the order they are applied.

mod cancellable_joins;
mod yielding_joins;

pub(crate) use cancellable_joins::{CancelFlag, cancellable_joins};

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;

/// The physical rules, applied in this order after the engine's own.
pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    vec![Arc::new(yielding_joins::YieldingJoins)]
}
