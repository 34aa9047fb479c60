//! Physical operators of ours, one a file: what the engine's own do not keep to.
//!
//! Writes of files: `CommitExec` makes them all or nothing out of a [`Staging`], `WriteInputExec` feeds them,
//! `PartitionedParquet` writes one partition at a time.

mod atomic_writes;
mod commit;
mod partitioned_parquet;
mod sorted_partitions;
mod staging;
mod staging_store;
mod write_input;

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

pub(crate) use staging::Staging;

/// The physical rules in their order: ours that ask for sorts, the engine's, ours that wrap what came out.
pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(sorted_partitions::SortedPartitions));
    rules.push(Arc::new(atomic_writes::AtomicWrites));
    rules
}
