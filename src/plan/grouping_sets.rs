//! The rule that computes each grouping set by itself.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::distinct_aggregates::is_read_once;
use crate::source::is_columnar;

/// More sets than these are computed together: each by itself reads the input once more.
const MOST: usize = 16;

/// Makes a union of plain aggregates of one with grouping sets, where its input is cheap to read again: columns of files
/// or of stored tables.
///
/// ```text
/// Aggregate: by=[ROLLUP (a, b)], [sum(c)]
///   t
/// →
/// Union
///   Aggregate: by=[a, b], [sum(c)]
///     t
///   Aggregate: by=[a], [sum(c)]            with b as NULL
///     t
///   Aggregate: by=[], [sum(c)]             with a and b as NULL
///     t
/// ```
///
/// The engine makes of each row one for each set, all of them with all keys, and aggregates them in one hash table,
/// where a set of few groups is no cheaper than one of many. Distinct values it keeps in memory, group by group.
#[derive(Debug)]
pub(crate) struct GroupingSets;

impl OptimizerRule for GroupingSets {
    fn name(&self) -> &str {
        "grouping_sets"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Aggregate(aggregate) => match sets(&aggregate)? {
                Some(sets) => Ok(Transformed::yes(union(&aggregate, &sets)?)),
                None => Ok(Transformed::no(LogicalPlan::Aggregate(aggregate))),
            },
            plan => Ok(Transformed::no(plan)),
        }
    }
}

/// For each set, which of all keys it has; none where they are better computed together.
fn sets(aggregate: &Aggregate) -> Result<Option<Vec<Vec<bool>>>> {
    let [Expr::GroupingSet(set)] = aggregate.group_expr.as_slice() else { return Ok(None) };
    let keys = set.distinct_expr();
    let lists: Vec<Vec<&Expr>> = match set {
        GroupingSet::Rollup(keys) => (0..=keys.len()).rev().map(|length| keys[..length].iter().collect()).collect(),
        GroupingSet::Cube(keys) if keys.len() < MOST => {
            let subset = |mask: usize| keys.iter().enumerate().filter(move |(index, _)| mask >> index & 1 == 1);
            (0..1 << keys.len()).rev().map(|mask| subset(mask).map(|(_, key)| key).collect()).collect()
        }
        GroupingSet::Cube(_) => return Ok(None),
        GroupingSet::GroupingSets(lists) => lists.iter().map(|keys| keys.iter().collect()).collect(),
    };
    let sets: Vec<Vec<bool>> = lists.iter().map(|list| keys.iter().map(|key| list.contains(key)).collect()).collect();
    let different = sets.iter().enumerate().all(|(index, set)| !sets[..index].contains(set));
    let few = (2..=MOST).contains(&sets.len());
    let again = different && few && is_cheap(&aggregate.input) && !is_read_once(aggregate)?;
    Ok(again.then_some(sets))
}

/// Whether the rows cost little to have again.
fn is_cheap(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => {
            source_as_provider(&scan.source).is_ok_and(|provider| is_columnar(provider.as_ref()))
        }
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.expressions().iter().all(|expr| !has_subquery(expr)) && plan.inputs().into_iter().all(is_cheap)
        }
        _ => false,
    }
}

fn has_subquery(expr: &Expr) -> bool {
    let subquery = |expr: &Expr| {
        Ok(matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_)))
    };
    expr.exists(subquery).unwrap_or(true)
}

fn union(aggregate: &Aggregate, sets: &[Vec<bool>]) -> Result<LogicalPlan> {
    let mut union: Option<LogicalPlanBuilder> = None;
    for set in sets {
        let branch = branch(aggregate, set)?;
        union = Some(match union {
            None => LogicalPlanBuilder::from(branch),
            Some(union) => union.union(branch)?,
        });
    }
    let union = union.ok_or_else(|| crate::Error::internal("an aggregate without grouping sets was split"))?;
    let named = (0..aggregate.schema.fields().len()).map(|index| {
        let (qualifier, field) = aggregate.schema.qualified_field(index);
        Expr::Column(Column::new_unqualified(name(index))).alias_qualified(qualifier.cloned(), field.name())
    });
    union.project(named.collect::<Vec<_>>())?.build()
}

/// The rows of one set, with the columns of all.
fn branch(aggregate: &Aggregate, set: &[bool]) -> Result<LogicalPlan> {
    let [Expr::GroupingSet(all)] = aggregate.group_expr.as_slice() else {
        return Err(crate::Error::internal("an aggregate without grouping sets was split").into());
    };
    let keys: Vec<Expr> = all.distinct_expr().into_iter().cloned().collect();
    let present = keys.iter().zip(set).filter(|(_, present)| **present).map(|(key, _)| key.clone()).collect();
    let part = Aggregate::try_new(Arc::clone(&aggregate.input), present, aggregate.aggr_expr.clone())?;
    let mut found = part.schema.columns().into_iter().map(Expr::Column);
    let missing = set.iter().fold(0u64, |mask, present| mask << 1 | u64::from(!present));
    let mut columns = Vec::with_capacity(aggregate.schema.fields().len());
    for (index, field) in aggregate.schema.fields().iter().enumerate() {
        let value = match set.get(index) {
            Some(false) => Some(Expr::Literal(ScalarValue::try_from(field.data_type())?, None)),
            // Behind the keys, the number of the set.
            None if index == keys.len() => {
                let number = ScalarValue::UInt64(Some(missing)).cast_to(field.data_type())?;
                Some(Expr::Literal(number, None))
            }
            _ => found.next(),
        };
        let value = value.ok_or_else(|| crate::Error::internal("a grouping set has fewer columns than it should"))?;
        columns.push(value.alias(name(index)));
    }
    LogicalPlanBuilder::from(LogicalPlan::Aggregate(part)).project(columns)?.build()
}

fn name(index: usize) -> String {
    format!("column{index}")
}
