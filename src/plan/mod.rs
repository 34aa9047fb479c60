//! Rules of ours for logical and physical plans, in the order they run. One rule, one file.

mod atomic_writes;
mod cancellable_joins;
mod interruptible_joins;
mod sorted_partitions;

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use atomic_writes::AtomicWrites;
pub(crate) use cancellable_joins::{CancelFlag, cancellable_joins};
use interruptible_joins::InterruptibleJoins;
use sorted_partitions::SortedPartitions;

/// The physical rules in their order: ours that ask for sorts, the engine's, ours that wrap what came out.
pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(SortedPartitions));
    rules.push(Arc::new(AtomicWrites));
    rules.push(Arc::new(InterruptibleJoins));
    rules
}
