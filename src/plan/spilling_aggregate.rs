//! Aggregates whose groups, or values, do not need to fit into memory.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode, AggregateMode, AggregateOutputMode};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, InputOrderMode, Partitioning};

use crate::operator::{Aggregate, keeps_every_value, stand_in, wants_all_rows};

/// Puts an aggregate that spills by partitions in place of the engine's, whose merge of sorted runs can be refused the
/// memory it needs.
///
/// ```text
/// AggregateExec: mode=FinalPartitioned, …        SpillingAggregateExec: mode=FinalPartitioned, …
///   RepartitionExec: hash(l_orderkey)       →      RepartitionExec: hash(l_orderkey)
///     AggregateExec: mode=Partial, …                 AggregateExec: mode=Partial, …
/// ```
///
/// A partial aggregate hands on what it has when it is refused memory, and one over sorted input holds one group:
/// both are left to the engine, and so is one that needs a few groups only. Without groups, it is quantiles that need room.
#[derive(Debug)]
pub(crate) struct SpillingAggregate;

impl PhysicalOptimizerRule for SpillingAggregate {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(aggregate) = node.downcast_ref::<AggregateExec>().filter(|aggregate| can_spill(aggregate)) else {
                return Ok(Transformed::no(node));
            };
            let aggregate = without_partial(aggregate)?.unwrap_or_else(|| aggregate.clone());
            if !can_spill(&aggregate) {
                return Ok(Transformed::yes(Arc::new(aggregate)));
            }
            Ok(match stand_in::<Aggregate>(&(Arc::new(aggregate) as _))? {
                Some(aggregate) => Transformed::yes(aggregate),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "spilling_aggregate"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same aggregate of rows instead of states, where states are all values: a partial aggregate makes none of them
/// smaller, counts nothing of long texts, and between the two a repartition gathers rows by the thousand, however long.
/// So too where the greatest struct is wanted, of which the engine's partial aggregate makes an array for each group, or
/// the n-th value, of which it counts more than it is allowed; and where groups are lists or structs: a partial aggregate
/// keeps them as rows, and hands them on as columns that are made of all rows at once.
///
/// ```text
/// AggregateExec: mode=FinalPartitioned, median(x)       AggregateExec: mode=SinglePartitioned, median(x)
///   RepartitionExec: hash(k)                       →      RepartitionExec: hash(k)
///     AggregateExec: mode=Partial, median(x)                …
///       …
/// ```
///
/// Values in an order are sorted with their groups, and held one group after the other. States of them are lists that are
/// merged into those before whenever one comes: the time grows with the square of their number.
///
/// ```text
/// AggregateExec: mode=FinalPartitioned, array_agg(x ORDER BY y)   AggregateExec: SinglePartitioned, array_agg(x ORDER BY y)
///   RepartitionExec: hash(k)                                  →     SortExec: k, y
///     AggregateExec: mode=Partial, array_agg(x ORDER BY y)            RepartitionExec: hash(k)
///       SortExec: y                                                     …
///         …
/// ```
fn without_partial(aggregate: &AggregateExec) -> Result<Option<AggregateExec>> {
    let repartition = aggregate.input().downcast_ref::<RepartitionExec>();
    let partial = repartition.and_then(|repartition| repartition.input().downcast_ref::<AggregateExec>());
    let (Some(repartition), Some(partial)) = (repartition, partial) else { return Ok(None) };
    let keys = aggregate.group_expr().input_exprs();
    let mut types = keys.iter().map(|key| key.data_type(&aggregate.input().schema()));
    let grows = aggregate.aggr_expr().iter().any(|function| wants_all_rows(function))
        || types.any(|key| key.is_ok_and(|key| key.is_nested()));
    let Partitioning::Hash(_, partitions) = repartition.partitioning() else { return Ok(None) };
    if !grows || *partial.mode() != AggregateMode::Partial || !partial.group_expr().is_single() {
        return Ok(None);
    }
    let keys = Partitioning::Hash(partial.group_expr().input_exprs(), *partitions);
    let Some(input) = of_groups(partial, keys)? else { return Ok(None) };
    let single = AggregateExec::try_new(
        AggregateMode::SinglePartitioned,
        partial.group_expr().clone(),
        partial.aggr_expr().to_vec(),
        partial.filter_expr().to_vec(),
        input,
        partial.input_schema(),
    )?;
    // A name or a property that differs would be seen above.
    Ok(Some(single).filter(|single| single.schema() == aggregate.schema()))
}

/// The rows below a partial aggregate, those of a group in one partition; where a function needs an order, group after
/// group in that order. None where the order is not to be had so.
fn of_groups(partial: &AggregateExec, keys: Partitioning) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut functions = partial.aggr_expr().iter();
    if functions.clone().all(|function| function.order_bys().is_empty()) {
        return Ok(Some(Arc::new(RepartitionExec::try_new(Arc::clone(partial.input()), keys)?)));
    }
    let sort = partial.input().downcast_ref::<SortExec>().filter(|sort| sort.fetch().is_none());
    let Some(sort) = sort.filter(|_| !functions.any(|function| keeps_every_value(function))) else { return Ok(None) };
    let groups = partial.group_expr().input_exprs();
    for group in &groups {
        // 0.0 and -0.0 are one group, and lie apart in an order.
        if has_floats(&group.data_type(&sort.schema())?) {
            return Ok(None);
        }
    }
    let groups = groups.into_iter().map(PhysicalSortExpr::new_default);
    let Some(order) = LexOrdering::new(groups.chain(sort.expr().iter().cloned())) else { return Ok(None) };
    let rows = Arc::new(RepartitionExec::try_new(Arc::clone(sort.input()), keys)?);
    Ok(Some(Arc::new(SortExec::new(order, rows).with_preserve_partitioning(true))))
}

fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => has_floats(values),
        // Lists and structs may have some.
        other => other.is_floating() || other.is_nested(),
    }
}

fn can_spill(aggregate: &AggregateExec) -> bool {
    let bounded_input = !aggregate.input().boundedness().is_unbounded();
    bounded_input
        && if aggregate.group_expr().is_true_no_grouping() { takes_values(aggregate) } else { groups(aggregate) }
}

/// Without groups, all functions but a few hold a bounded amount.
fn takes_values(aggregate: &AggregateExec) -> bool {
    use AggregateMode::{Final, Partial, Single};
    matches!(aggregate.mode(), Partial | Final | Single)
        && aggregate.aggr_expr().iter().any(|function| keeps_every_value(function))
}

fn groups(aggregate: &AggregateExec) -> bool {
    let groups = aggregate.group_expr();
    // Of rows, the engine alone makes the groups of empty grouping sets.
    let one_set = groups.is_single() || aggregate.mode().input_mode() == AggregateInputMode::Partial;
    aggregate.mode().output_mode() == AggregateOutputMode::Final
        && one_set
        && aggregate.limit_options().is_none()
        && *aggregate.input_order_mode() == InputOrderMode::Linear
}
