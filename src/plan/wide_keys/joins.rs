//! Joins on very many columns.

use std::sync::Arc;

use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::JoinType;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::{Keyed, WIDE, encoding};
use crate::operator::{KeyColumnsExec, KeyEncoding};

/// The join of `SELECT … INTERSECT …` or `EXCEPT` as one on keys: what its one side has made distinct stays a key until it
/// comes out, and of the other, of which nothing comes out, the key is all there is.
///
/// Any other join would hold a copy of its columns beside them as their key.
pub(super) fn on_key(join: &HashJoinExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (left, right): (Vec<_>, Vec<_>) = join.on().iter().cloned().unzip();
    let (left, right) = ((join.left(), left), (join.right(), right));
    let ((seen, columns), (unseen, looked_up), seen_is_left) = match join.join_type() {
        JoinType::LeftSemi | JoinType::LeftAnti => (left, right, true),
        JoinType::RightSemi | JoinType::RightAnti => (right, left, false),
        _ => return Ok(None),
    };
    let by_value = join.null_equality() == NullEquality::NullEqualsNull && join.filter().is_none();
    if columns.len() < WIDE || !by_value || join.projection.is_some() {
        return Ok(None);
    }
    let Some(encoding) = encoding(&looked_up, unseen)? else { return Ok(None) };
    let Some(distinct) = keys_of(seen, &columns, &encoding) else { return Ok(None) };
    let seen = Keyed::by_first_column(Arc::clone(distinct.input()));
    let unseen = Keyed::of(unseen, looked_up, encoding).keys_alone();
    let (left, right) = if seen_is_left { (seen, unseen) } else { (unseen, seen) };
    let builder = join.builder().with_on(vec![(left.key, right.key)]);
    let keys = builder.with_new_children(vec![left.input, right.input])?.recompute_properties().build_exec()?;
    Ok(Some(Arc::new(KeyColumnsExec::new(keys, distinct.pass().with_schema(join.schema())))))
}

/// What makes exactly these columns of such keys right below the join.
fn keys_of<'a>(
    side: &'a Arc<dyn ExecutionPlan>,
    columns: &[Arc<dyn PhysicalExpr>],
    encoding: &KeyEncoding,
) -> Option<&'a KeyColumnsExec> {
    let exec = side.downcast_ref::<KeyColumnsExec>()?;
    let is_in_place = |(place, column): (usize, &Arc<dyn PhysicalExpr>)| {
        column.downcast_ref::<Column>().is_some_and(|column| column.index() == place)
    };
    (columns.iter().enumerate().all(is_in_place) && exec.pass().is_one_key(encoding)).then_some(exec)
}
