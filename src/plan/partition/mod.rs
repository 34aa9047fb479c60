//! What a frame says about its partitions, as a node of the logical plan.

mod node;
mod planner;

pub(crate) use node::{PartitionNode, Partitions};
pub(crate) use planner::query_planner;
