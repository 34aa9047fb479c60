//! Groups of which the first row is wanted.

use std::iter;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::row::SortField;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, PhysicalExpr};

use super::complete_aggregate::{CompleteAggregate, Functions};
use crate::operator::{ColumnSource, FIRST_ROW, KeyColumns, KeyColumnsExec, KeyEncoding, RowKey, first_row};

/// Finds the first row of a group once, where several of its values are wanted, as by `SELECT DISTINCT ON`.
///
/// ```text
/// AggregateExec: Final, gby=[k], aggr=[           KeyColumnsExec: columns=16
///   first_value(a) ORDER BY d,              →       AggregateExec: Final, gby=[k], aggr=[first_row]
///   first_value(b) ORDER BY d, …]                     AggregateExec: Partial, gby=[k], aggr=[first_row(row_key(d), a, b, …)]
///   AggregateExec: Partial, …                           …
///     …
/// ```
///
/// One value alone is left to the engine, but a list or a struct is not: of each group it makes an array.
#[derive(Debug)]
pub(crate) struct FirstRows;

impl PhysicalOptimizerRule for FirstRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let by_rows = CompleteAggregate::of(&node).map(|aggregate| by_rows(&aggregate)).transpose()?.flatten();
            Ok(by_rows.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &str {
        "first_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Functions that want the first row of one order.
struct First {
    order: Vec<PhysicalSortExpr>,
    /// The number of each function, and its value.
    values: Vec<(usize, Arc<dyn PhysicalExpr>)>,
}

fn by_rows(aggregate: &CompleteAggregate<'_>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let groups = aggregate.first.group_expr();
    // Of rows in the order of their groups the engine holds one group at a time, and keeps that order.
    let is_one_set = groups.is_single() && !groups.is_empty();
    let is_for_us = is_one_set && *aggregate.first.input_order_mode() == InputOrderMode::Linear;
    let firsts = if is_for_us { firsts(aggregate)? } else { Vec::new() };
    if firsts.is_empty() {
        return Ok(None);
    }
    let count = groups.input_exprs().len();
    let (mut functions, mut columns) = others(aggregate, &firsts, count);
    let mut keys = Vec::new();
    for (key, first) in firsts.iter().enumerate() {
        let Some((function, encoding)) = first.function(aggregate, key)? else { return Ok(None) };
        keys.push((count + functions.len(), encoding));
        functions.push((function, None));
        for (column, (function, _)) in first.values.iter().enumerate() {
            columns[count + function] = ColumnSource::Key(key, column);
        }
    }
    let rows = aggregate.with(groups.clone(), functions)?;
    let columns = KeyColumns::new(aggregate.last().schema(), keys, columns);
    Ok(Some(Arc::new(KeyColumnsExec::new(rows, columns))))
}

/// The functions that are none of `firsts`, behind `groups` groups, and where all columns come from if not from keys.
fn others(aggregate: &CompleteAggregate<'_>, firsts: &[First], groups: usize) -> (Functions, Vec<ColumnSource>) {
    let mut columns: Vec<_> = (0..groups).map(ColumnSource::Input).collect();
    let mut others = Vec::new();
    for (place, function) in aggregate.functions().into_iter().enumerate() {
        columns.push(ColumnSource::Input(groups + others.len()));
        if !firsts.iter().any(|first| first.values.iter().any(|(found, _)| *found == place)) {
            others.push(function);
        }
    }
    (others, columns)
}

/// The orders of which several values are wanted, or one that is large.
fn firsts(aggregate: &CompleteAggregate<'_>) -> Result<Vec<First>> {
    let schema = aggregate.first.input().schema();
    let mut firsts: Vec<First> = Vec::new();
    for (place, (function, filter)) in aggregate.functions().into_iter().enumerate() {
        let order = order(&function, aggregate).filter(|_| filter.is_none());
        let (Some(order), [value]) = (order, &function.expressions()[..]) else { continue };
        if KeyEncoding::of_values(vec![value.data_type(&schema)?]).is_none() {
            continue;
        }
        let value = (place, Arc::clone(value));
        match firsts.iter_mut().find(|first| first.order == order) {
            Some(first) => first.values.push(value),
            None => firsts.push(First { order, values: vec![value] }),
        }
    }
    let is_nested =
        |(_, value): &(usize, Arc<dyn PhysicalExpr>)| value.data_type(&schema).is_ok_and(|kind| kind.is_nested());
    firsts.retain(|first| first.values.len() > 1 || first.values.iter().any(is_nested));
    Ok(firsts)
}

/// In which order the function takes the first row of a group; None where it is another function.
fn order(function: &AggregateFunctionExpr, aggregate: &CompleteAggregate<'_>) -> Option<Vec<PhysicalSortExpr>> {
    let is_last = match function.fun().name() {
        _ if function.is_distinct() || function.ignore_nulls() || function.is_reversed() => return None,
        "first_value" => false,
        "last_value" if !function.order_bys().is_empty() => true,
        _ => return None,
    };
    // All rows of a group have these.
    let groups = aggregate.first.group_expr().input_exprs();
    let order = function.order_bys().iter().filter(|order| !groups.contains(&order.expr));
    Some(order.map(|order| if is_last { order.reverse() } else { order.clone() }).collect())
}

impl First {
    fn function(
        &self,
        aggregate: &CompleteAggregate<'_>,
        number: usize,
    ) -> Result<Option<(Arc<AggregateFunctionExpr>, Arc<KeyEncoding>)>> {
        let schema = aggregate.first.input().schema();
        let field = |expr: &Arc<dyn PhysicalExpr>, options: SortOptions| -> Result<SortField> {
            Ok(SortField::new_with_options(expr.data_type(&schema)?, options))
        };
        let order = self.order.iter().map(|order| field(&order.expr, order.options)).collect::<Result<Vec<_>>>()?;
        let types = self.values.iter().map(|(_, value)| value.data_type(&schema)).collect::<Result<Vec<_>>>()?;
        let (Some(order), Some(encoding)) = (KeyEncoding::of_order(order), KeyEncoding::of_values(types)) else {
            return Ok(None);
        };
        let order_by = self.order.iter().map(|order| Arc::clone(&order.expr)).collect();
        let order: Arc<dyn PhysicalExpr> = Arc::new(RowKey::new(order_by, Arc::new(order)));
        let values = self.values.iter().map(|(_, value)| Arc::clone(value));
        let (arguments, encoding) = (iter::once(order).chain(values).collect(), Arc::new(encoding));
        let function = AggregateExprBuilder::new(Arc::new(first_row(Arc::clone(&encoding))), arguments)
            .schema(schema)
            .alias(if number == 0 { FIRST_ROW.to_string() } else { format!("{FIRST_ROW}_{number}") });
        Ok(Some((Arc::new(function.build()?), encoding)))
    }
}

#[cfg(test)]
mod tests {
    use crate::Context;

    async fn explain(sql: &str) -> String {
        let ctx = Context::builder().threads(2).build().unwrap();
        let create =
            "CREATE TABLE t AS SELECT value % 7 AS k, value AS v, value % 5 AS d FROM generate_series(1, 100000)";
        ctx.sql(create).await.unwrap().compute().await.unwrap();
        ctx.sql(sql).await.unwrap().explain().await.unwrap()
    }

    #[tokio::test]
    async fn values_of_one_order_are_found_together() {
        let plan = explain("SELECT DISTINCT ON (k) * FROM t ORDER BY k, d DESC, v").await;
        assert!(plan.contains("KeyColumnsExec: columns=3") && plan.contains("aggr=[first_row]"), "{plan}");
        let plan = explain(
            "SELECT k, first_value(v ORDER BY d), last_value(v ORDER BY d), first_value(d ORDER BY d), max(v), \
             last_value(d ORDER BY d) FROM t GROUP BY k",
        )
        .await;
        assert!(plan.contains("aggr=[max(t.v), first_row, first_row_1]"), "{plan}");
    }

    #[tokio::test]
    async fn others_are_left_alone() {
        for sql in [
            "SELECT k, first_value(v ORDER BY d), first_value(d ORDER BY v) FROM t GROUP BY k",
            "SELECT k, first_value(v ORDER BY d) FILTER (WHERE v > 3), first_value(d ORDER BY d) FROM t GROUP BY k",
            "SELECT first_value(v ORDER BY d), first_value(d ORDER BY d) FROM t",
            "SELECT k, first_value(v ORDER BY d) IGNORE NULLS, first_value(d ORDER BY d) FROM t GROUP BY k",
        ] {
            let plan = explain(sql).await;
            assert!(!plan.contains("first_row"), "{sql}\n{plan}");
        }
    }
}
