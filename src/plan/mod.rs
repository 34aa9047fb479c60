//! Rules that make a better plan of a plan: one rule a file, in the order they are applied.

mod yielding_joins;

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;

/// The physical rules, applied in this order after the engine's own.
pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    vec![Arc::new(yielding_joins::YieldingJoins)]
}
