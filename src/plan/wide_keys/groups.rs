//! Groups by very many columns.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, PhysicalExpr};

use super::{KEY, Keyed, WIDE, encoding};
use crate::operator::{ColumnSource, KeyColumns, KeyColumnsExec};
use crate::plan::complete_aggregate::CompleteAggregate;

/// An aggregate by many columns as one by their key.
pub(super) fn by_key(aggregate: &CompleteAggregate<'_>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (first, schema) = (aggregate.first, aggregate.last().schema());
    if !has_wide_groups(first) || !has_wide_groups(aggregate.last()) {
        return Ok(None);
    }
    let columns = first.group_expr().input_exprs();
    let Some(encoding) = encoding(&columns, first.input())? else { return Ok(None) };
    let count = columns.len();
    let rows = Keyed::of(first.input(), columns, Arc::clone(&encoding));
    let by_key = match first.aggr_expr().is_empty() {
        true => distinct(*aggregate.last().mode(), rows.keys_alone())?,
        false => aggregate.with(group(rows.key), aggregate.functions())?,
    };
    let columns = (0..schema.fields().len()).map(|column| match column {
        column if column < count => ColumnSource::Key(0, column),
        column => ColumnSource::Input(column - count + 1),
    });
    let columns = KeyColumns::new(Arc::clone(&schema), vec![(0, encoding)], columns.collect());
    Ok(Some(Arc::new(KeyColumnsExec::new(by_key, columns))))
}

/// Not one that is over after a few rows, or of rows in the order of its groups: those hold few.
fn has_wide_groups(aggregate: &AggregateExec) -> bool {
    aggregate.group_expr().is_single()
        && aggregate.group_expr().input_exprs().len() >= WIDE
        && aggregate.limit_options().is_none()
        && *aggregate.input_order_mode() == InputOrderMode::Linear
}

fn group(key: Arc<dyn PhysicalExpr>) -> PhysicalGroupBy {
    PhysicalGroupBy::new_single(vec![(key, KEY.to_string())])
}

/// The keys without those that are there already. A partial aggregate would copy keys that are long as rows are, to keep
/// them once more.
fn distinct(mode: AggregateMode, keys: Keyed) -> Result<Arc<dyn ExecutionPlan>> {
    let mode = match mode {
        AggregateMode::FinalPartitioned | AggregateMode::SinglePartitioned => AggregateMode::SinglePartitioned,
        _ => AggregateMode::Single,
    };
    let schema = keys.input.schema();
    Ok(Arc::new(AggregateExec::try_new(mode, group(keys.key), vec![], vec![], keys.input, schema)?))
}
