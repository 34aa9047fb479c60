//! What frames do with partitions: deal rows out anew, map each by a function, take one.

mod deal;
mod drive;
mod exchange;
mod map;
mod pick;

pub(crate) use drive::{boxed, drive};
pub(crate) use exchange::{Exchange, ExchangeExec};
pub(in crate::operator) use map::panicked;
pub(crate) use map::{MapExec, MapFunction};
pub(crate) use pick::PickExec;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::ExecutionPlan;

use crate::error::Error;

/// The only child of a node.
fn only<T>(children: Vec<T>) -> Result<T> {
    match <[T; 1]>::try_from(children) {
        Ok([child]) => Ok(child),
        Err(_) => Err(Error::internal("an operator on partitions has one input").into()),
    }
}

/// Whether each partition of the plan is made without the others: by one chain of operators over one scan.
fn is_chain(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let partitions = |plan: &Arc<dyn ExecutionPlan>| plan.properties().output_partitioning().partition_count();
    match plan.children()[..] {
        [] => true,
        [child] => {
            let exchanges = plan.name().ends_with("RepartitionExec") || plan.is::<ExchangeExec>();
            !exchanges && partitions(plan) == partitions(child) && is_chain(child)
        }
        _ => false,
    }
}
