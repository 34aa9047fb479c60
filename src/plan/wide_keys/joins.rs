//! Joins on very many columns.

use std::sync::Arc;

use datafusion::common::{JoinSide, NullEquality, Result};
use datafusion::logical_expr::JoinType;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::{Keyed, WIDE, encoding};
use crate::operator::{KeyColumns, KeyColumnsExec, KeyEncoding, Nulls};

/// A side of the join before it has a key.
struct Side<'a> {
    input: &'a Arc<dyn ExecutionPlan>,
    columns: Vec<Arc<dyn PhysicalExpr>>,
    nulls: Nulls,
    encoding: Arc<KeyEncoding>,
}

/// A join on many columns as one on their keys.
pub(super) fn on_key(join: &HashJoinExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if join.on().len() < WIDE {
        return Ok(None);
    }
    let (left, right): (Vec<_>, Vec<_>) = join.on().iter().cloned().unzip();
    let (Some(left), Some(right)) = (side(join, join.left(), left)?, side(join, join.right(), right)?) else {
        return Ok(None);
    };
    if left.encoding != right.encoding {
        return Ok(None);
    }
    let ((left, right), columns) = match unseen(join) {
        Some(JoinSide::Left) => {
            let (right, columns) = seen(right, join);
            ((left.keyed().keys_alone(), right), columns)
        }
        Some(JoinSide::Right) => {
            let (left, columns) = seen(left, join);
            ((left, right.keyed().keys_alone()), columns)
        }
        // Where rows of both sides come out, a copy of their columns would be held beside them.
        _ => return Ok(None),
    };
    let builder = join.builder().with_on(vec![(left.key, right.key)]);
    let joined = builder.with_new_children(vec![left.input, right.input])?.recompute_properties().build_exec()?;
    Ok(Some(match columns {
        Some(columns) => Arc::new(KeyColumnsExec::new(joined, columns)),
        None => joined,
    }))
}

fn side<'a>(
    join: &HashJoinExec,
    input: &'a Arc<dyn ExecutionPlan>,
    columns: Vec<Arc<dyn PhysicalExpr>>,
) -> Result<Option<Side<'a>>> {
    let nulls = match join.null_equality() {
        NullEquality::NullEqualsNull => Nulls::Value,
        NullEquality::NullEqualsNothing => Nulls::Null,
    };
    Ok(encoding(&columns, input)?.map(|encoding| Side { input, columns, nulls, encoding }))
}

impl Side<'_> {
    fn keyed(self) -> Keyed {
        Keyed::of(self.input, self.columns, self.nulls, self.encoding)
    }

    /// What makes columns of exactly these keys right below the join.
    fn key_columns(&self) -> Option<&KeyColumnsExec> {
        let exec = self.input.downcast_ref::<KeyColumnsExec>()?;
        let is_in_place = |(place, column): (usize, &Arc<dyn PhysicalExpr>)| {
            column.downcast_ref::<Column>().is_some_and(|column| column.index() == place)
        };
        let are_all = self.columns.iter().enumerate().all(is_in_place) && self.nulls == Nulls::Value;
        (are_all && exec.pass().is_one_key(&self.encoding)).then_some(exec)
    }
}

/// The side whose rows come out, and what makes columns of its keys behind the join, where rows are nothing but their key
/// before it: those of `SELECT … INTERSECT …` are, for they have been made distinct.
fn seen(side: Side<'_>, join: &HashJoinExec) -> (Keyed, Option<KeyColumns>) {
    match side.key_columns().filter(|_| join.projection.is_none()) {
        Some(columns) => (Keyed::by_first_column(Arc::clone(columns.input())), Some(columns.pass().clone())),
        None => (side.keyed(), None),
    }
}

/// The side that nothing comes out of, and that no condition looks at.
fn unseen(join: &HashJoinExec) -> Option<JoinSide> {
    match join.join_type() {
        _ if join.filter().is_some() => None,
        JoinType::RightSemi | JoinType::RightAnti => Some(JoinSide::Left),
        JoinType::LeftSemi | JoinType::LeftAnti => Some(JoinSide::Right),
        _ => None,
    }
}
