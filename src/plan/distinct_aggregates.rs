//! The rule that counts distinct values by grouping them, each column by itself.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{Column, NullEquality, Result};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::source_as_provider;
use datafusion::functions_aggregate::expr_fn::{count, first_value};
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, Expr, JoinType, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::expressions::where_true;
use super::mode::MODE;

/// Splits an aggregate with DISTINCT in several of its functions into one for each column and one for the rest, joined
/// by their groups.
///
/// ```text
/// Aggregate: by=[k], [count(DISTINCT a), count(DISTINCT b), sum(c)]
///   t
/// →
/// Inner Join: k, NULL equals NULL
///   Inner Join: k, NULL equals NULL
///     Aggregate: by=[k], [count(DISTINCT a)]     ─► the engine makes it a grouping of (k, a), then of k
///       t
///     Aggregate: by=[k], [count(DISTINCT b)]
///       t
///   Aggregate: by=[k], [sum(c)]
///     t
/// ```
///
/// `mode` is one of the branches, for which rows are counted by their values; so are `array_agg` and `string_agg`, which
/// put together values that were grouped.
///
/// The engine alone keeps a set of values for each group, which can neither spill nor be shared between threads; groups
/// can. Files by columns are read once in all, column by column. What is not the same when it is computed again, such
/// as `random()` or the rows of a recursive step, stays as it is.
#[derive(Debug)]
pub(crate) struct DistinctAggregates;

impl OptimizerRule for DistinctAggregates {
    fn name(&self) -> &str {
        "distinct_aggregates"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Aggregate(aggregate) => match branches(&aggregate)? {
                Some(branches) => Ok(Transformed::yes(join(&aggregate, branches)?)),
                None => Ok(Transformed::no(LogicalPlan::Aggregate(aggregate))),
            },
            plan => Ok(Transformed::no(plan)),
        }
    }
}

/// The functions that go together, by their places among those of the aggregate; none where one aggregate will do.
fn branches(aggregate: &Aggregate) -> Result<Option<Vec<Branch>>> {
    let mut distinct: Vec<Branch> = Vec::new();
    let mut rest = Branch::default();
    for (place, expr) in aggregate.aggr_expr.iter().enumerate() {
        if let Some(value) = mode_value(expr) {
            distinct.push(Branch { kind: Kind::Mode(value), functions: vec![(place, expr.clone())] });
            continue;
        }
        let (kind, function) = match (distinct_value(expr), collected_value(expr)) {
            (Some(value), _) => (Kind::Distinct(value.clone()), with_value(expr, value)),
            (None, Some(value)) => (Kind::Collected(value), expr.clone()),
            (None, None) => {
                rest.push(place, expr.clone());
                continue;
            }
        };
        match distinct.iter_mut().find(|branch| branch.kind == kind) {
            Some(branch) => branch.push(place, function),
            None => distinct.push(Branch { kind, functions: vec![(place, function)] }),
        }
    }
    let plain = distinct.iter().all(|branch| matches!(branch.kind, Kind::Distinct(_)));
    let engine_can = plain && distinct.len() == 1 && rest.functions.iter().all(|(_, expr)| is_simple(expr));
    // The engine keeps a set for each group, and reads its input once.
    let engine_should = !rest.functions.is_empty() && distinct.iter().all(Branch::collects);
    let engine_can = engine_can || engine_should;
    let grouping_sets = matches!(aggregate.group_expr.first(), Some(Expr::GroupingSet(_)));
    if distinct.is_empty() || engine_can || grouping_sets || is_read_once(aggregate)? {
        return Ok(None);
    }
    distinct.extend((!rest.functions.is_empty()).then_some(rest));
    Ok(Some(distinct))
}

/// What the functions of a branch have in common.
#[derive(Default, PartialEq)]
enum Kind {
    /// They take the distinct values of this.
    Distinct(Expr),
    /// They put together the distinct values of this.
    Collected(Expr),
    /// The one of them is the most frequent value of this.
    Mode(Expr),
    #[default]
    Rest,
}

#[derive(Default)]
struct Branch {
    kind: Kind,
    functions: Vec<(usize, Expr)>,
}

impl Branch {
    fn collects(&self) -> bool {
        matches!(self.kind, Kind::Collected(_))
    }

    fn push(&mut self, place: usize, function: Expr) {
        self.functions.push((place, function));
    }
}

/// The value that a function with DISTINCT looks at: NULL, which it leaves out, where its FILTER is not true.
fn distinct_value(expr: &Expr) -> Option<Expr> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else { return None };
    let AggregateFunctionParams { args, distinct: true, filter, order_by, null_treatment: None } = params else {
        return None;
    };
    let leaves_nulls_out = matches!(func.name(), "count" | "sum" | "avg" | "min" | "max");
    match args.as_slice() {
        [value] if leaves_nulls_out && order_by.is_empty() => where_true(filter.as_deref(), value).ok(),
        _ => None,
    }
}

/// The value whose distinct ones a list or a text is made of, in their order or none.
fn collected_value(expr: &Expr) -> Option<Expr> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else { return None };
    let AggregateFunctionParams { args, distinct: true, filter: None, order_by, null_treatment: None } = params else {
        return None;
    };
    let value = match (func.name(), args.as_slice()) {
        ("array_agg", [value]) | ("string_agg", [value, Expr::Literal(..)]) => value,
        _ => return None,
    };
    order_by.iter().all(|order| order.expr == *value).then(|| value.clone())
}

/// The value that `mode` looks at. The same value more than once in a group is as good as once where it is DISTINCT:
/// that is left to the function itself.
fn mode_value(expr: &Expr) -> Option<Expr> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else { return None };
    match params.args.as_slice() {
        [value] if func.name() == MODE && !params.distinct => where_true(params.filter.as_deref(), value).ok(),
        _ => None,
    }
}

fn with_value(expr: &Expr, value: Expr) -> Expr {
    match expr.clone() {
        Expr::AggregateFunction(mut call) => {
            call.params.args = vec![value];
            call.params.filter = None;
            Expr::AggregateFunction(call)
        }
        expr => expr,
    }
}

/// Whether the engine groups it beside a distinct function.
fn is_simple(expr: &Expr) -> bool {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr else { return false };
    matches!(func.name(), "sum" | "min" | "max")
        && !params.distinct
        && params.filter.is_none()
        && params.order_by.is_empty()
}

/// Whether the input would not be the same a second time: random values, and the rows of a recursive step, which the
/// engine hands out once.
pub(super) fn is_read_once(aggregate: &Aggregate) -> Result<bool> {
    let mut once = aggregate.group_expr.iter().chain(&aggregate.aggr_expr).any(Expr::is_volatile);
    aggregate.input.apply_with_subqueries(|node| {
        once |= is_recursive_step(node) || node.expressions().iter().any(Expr::is_volatile);
        Ok(if once { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(once)
}

fn is_recursive_step(node: &LogicalPlan) -> bool {
    let LogicalPlan::TableScan(scan) = node else { return false };
    source_as_provider(&scan.source).is_ok_and(|provider| provider.downcast_ref::<CteWorkTable>().is_some())
}

fn join(aggregate: &Aggregate, branches: Vec<Branch>) -> Result<LogicalPlan> {
    let groups = aggregate.group_expr.len();
    let mut places = vec![None; aggregate.aggr_expr.len()];
    let mut joined: Option<LogicalPlanBuilder> = None;
    for (number, branch) in branches.into_iter().enumerate() {
        for (place, _) in &branch.functions {
            places[*place] = Some(column(number, groups + *place));
        }
        let plan = branch_plan(aggregate, branch, number)?;
        joined = Some(match joined {
            None => LogicalPlanBuilder::from(plan),
            Some(left) if groups == 0 => left.cross_join(plan)?,
            Some(left) => {
                let keys = |branch| (0..groups).map(|group| column(branch, group)).collect::<Vec<_>>();
                let keys = (keys(0), keys(number));
                left.join_detailed(plan, JoinType::Inner, keys, None, NullEquality::NullEqualsNull)?
            }
        });
    }
    let columns = (0..groups).map(|group| Some(column(0, group))).chain(places).flatten();
    let named = columns.enumerate().map(|(index, column)| {
        let (qualifier, field) = aggregate.schema.qualified_field(index);
        Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
    });
    let joined = joined.ok_or_else(|| crate::Error::internal("an aggregate without functions was split"))?;
    joined.project(named.collect::<Vec<_>>())?.build()
}

/// The aggregate of one branch, with names that no other branch has.
fn branch_plan(aggregate: &Aggregate, branch: Branch, number: usize) -> Result<LogicalPlan> {
    let groups = aggregate.group_expr.len();
    let (places, functions): (Vec<_>, Vec<_>) = branch.functions.into_iter().unzip();
    let part = match branch.kind {
        Kind::Mode(value) => most_frequent(aggregate, value)?,
        Kind::Collected(value) => collected(aggregate, value, functions)?,
        _ => Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), functions)?,
    };
    let names = (0..groups).chain(places.into_iter().map(|place| groups + place));
    let columns = names.zip(part.schema.iter()).map(|(name, (qualifier, field))| {
        Expr::Column(Column::new(qualifier.cloned(), field.name())).alias(format!("column{name}"))
    });
    let columns = columns.collect::<Vec<_>>();
    LogicalPlanBuilder::from(LogicalPlan::Aggregate(part)).project(columns)?.alias(branch_name(number))?.build()
}

/// The most frequent value of each group, the smallest of several: the first of the values that rows were counted by.
///
/// ```text
/// Aggregate: by=[k], [first_value(value) ORDER BY value IS NULL, count DESC, value]
///   Aggregate: by=[k, value], [count(1)]
///     t
/// ```
fn most_frequent(aggregate: &Aggregate, value: Expr) -> Result<Aggregate> {
    const COUNT: &str = "__count";
    let (counted, keys) = by_value(aggregate, value, vec![count(lit(1)).alias(COUNT)])?;
    let value = || Expr::Column(Column::new_unqualified(VALUE));
    let count = Expr::Column(Column::new_unqualified(COUNT));
    let order = vec![value().is_null().sort(true, false), count.sort(false, false), value().sort(true, false)];
    Aggregate::try_new(Arc::new(LogicalPlan::Aggregate(counted)), keys, vec![first_value(value(), order)])
}

/// The name of the values that a branch groups by.
const VALUE: &str = "__value";

/// What `functions` put together of the distinct values of each group.
///
/// ```text
/// Aggregate: by=[k], [string_agg(value, ',') ORDER BY value]
///   Aggregate: by=[k, value], []
///     t
/// ```
fn collected(aggregate: &Aggregate, value: Expr, functions: Vec<Expr>) -> Result<Aggregate> {
    let (grouped, keys) = by_value(aggregate, value, Vec::new())?;
    let of_values = functions.into_iter().map(|function| match function {
        Expr::AggregateFunction(mut call) => {
            let value = Expr::Column(Column::new_unqualified(VALUE));
            call.params.order_by.iter_mut().for_each(|order| order.expr = value.clone());
            call.params.args.splice(..1, [value]);
            call.params.distinct = false;
            Expr::AggregateFunction(call)
        }
        function => function,
    });
    Aggregate::try_new(Arc::new(LogicalPlan::Aggregate(grouped)), keys, of_values.collect())
}

/// The input, grouped by the groups and a value, and the columns of the groups.
fn by_value(aggregate: &Aggregate, value: Expr, functions: Vec<Expr>) -> Result<(Aggregate, Vec<Expr>)> {
    let by = aggregate.group_expr.iter().cloned().chain([value.alias(VALUE)]);
    let grouped = Aggregate::try_new(Arc::clone(&aggregate.input), by.collect(), functions)?;
    let keys = grouped.schema.iter().take(aggregate.group_expr.len());
    let keys = keys.map(|(qualifier, field)| Expr::Column(Column::new(qualifier.cloned(), field.name()))).collect();
    Ok((grouped, keys))
}

fn branch_name(number: usize) -> String {
    format!("__branch{number}")
}

fn column(branch: usize, index: usize) -> Column {
    Column::new(Some(branch_name(branch)), format!("column{index}"))
}
