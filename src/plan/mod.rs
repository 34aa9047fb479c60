//! Rules of ours for logical and physical plans, in the order they run. One rule, one file.

mod interruptible_joins;
mod spilling_hash_join;

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;

use crate::operator::AtomicWrites;

/// The physical rules that run after the engine's own.
pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    vec![
        Arc::new(AtomicWrites),
        Arc::new(spilling_hash_join::SpillingHashJoin),
        Arc::new(interruptible_joins::InterruptibleJoins),
    ]
}
