//! What a filter compares of the two sides.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinSide, Result};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_expr::split_conjunction;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::joins::utils::JoinFilter;

use crate::operator::cancellable::Cancellable;
use crate::operator::join::EngineJoin;

/// A comparison that partners fulfil: `held` is less than (`<`, `<=`) or greater than (`>`, `>=`) `streamed`.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    /// Of a row of the build side.
    pub(super) held: Arc<dyn PhysicalExpr>,
    /// Of a row of the probe side.
    pub(super) streamed: Arc<dyn PhysicalExpr>,
    pub(super) operator: Operator,
    pub(super) data_type: DataType,
}

impl Bound {
    /// The comparison that `part` of `filter` is, where each of its sides looks at one side of the join.
    fn of(part: &Arc<dyn PhysicalExpr>, filter: &JoinFilter, sides: [&Schema; 2]) -> Option<Self> {
        let binary = part.downcast_ref::<BinaryExpr>()?;
        let (held, streamed, operator) = match side_of(binary.left(), filter)? {
            JoinSide::Left => (binary.left(), binary.right(), *binary.op()),
            _ => (binary.right(), binary.left(), binary.op().swap()?),
        };
        let compares = matches!(operator, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq);
        if !compares
            || [held, streamed].map(|expr| side_of(expr, filter)) != [JoinSide::Left, JoinSide::Right].map(Some)
        {
            return None;
        }
        let (held, streamed) = (rebased(held, filter).ok()?, rebased(streamed, filter).ok()?);
        let [held_type, data_type] = [held.data_type(sides[0]).ok()?, streamed.data_type(sides[1]).ok()?];
        (held_type == data_type && is_ordered(&data_type)).then_some(Self { held, streamed, operator, data_type })
    }

    pub(super) fn is_strict(&self) -> bool {
        matches!(self.operator, Operator::Lt | Operator::Gt)
    }

    /// Whether the held value is the smaller one.
    pub(super) fn is_upper(&self) -> bool {
        matches!(self.operator, Operator::Lt | Operator::LtEq)
    }

    /// Whether both look at the same value of one side, from above and from below.
    fn encloses(&self, other: &Self) -> bool {
        self.is_upper() != other.is_upper() && (self.held.eq(&other.held) || self.streamed.eq(&other.streamed))
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.held, self.operator, self.streamed)
    }
}

/// The comparisons that partners are found by.
#[derive(Debug, Clone)]
pub(in crate::operator::join) struct Bounds {
    pub(super) first: Bound,
    pub(super) second: Option<Bound>,
    /// Whether the filter asks for nothing else. What floats are equal, and which is the larger one, is its to say.
    pub(super) is_all: bool,
}

impl Bounds {
    /// Those in the filter of `join`; none where there is no such comparison, or partners are found by their keys.
    pub(in crate::operator::join) fn of(join: &EngineJoin) -> Option<Self> {
        if !join.on().is_empty() {
            return None;
        }
        let (filter, left, right) = (join.filter()?, join.left().schema(), join.right().schema());
        let parts = split_conjunction(Cancellable::inner_of(filter.expression()));
        let mut bounds: Vec<_> = parts.iter().filter_map(|part| Bound::of(part, filter, [&left, &right])).collect();
        let interval = (0..bounds.len()).find_map(|one| {
            let other = (one + 1..bounds.len()).find(|other| bounds[one].encloses(&bounds[*other]))?;
            Some((one, other))
        });
        let (one, other) = interval.unwrap_or((0, 1));
        let second = (other < bounds.len()).then(|| bounds.swap_remove(other));
        let first = (one < bounds.len()).then(|| bounds.swap_remove(one))?;
        let bounds = Self { first, second, is_all: false };
        let exact = bounds.iter().filter(|bound| !bound.data_type.is_floating()).count();
        Some(Self { is_all: exact == parts.len(), ..bounds })
    }

    fn iter(&self) -> impl Iterator<Item = &Bound> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// How many of them compare what may be as long as a row: texts.
    pub(in crate::operator::join) fn copies(&self) -> usize {
        self.iter().filter(|bound| !bound.data_type.is_primitive()).count()
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.second {
            Some(second) => write!(f, "[{}, {second}]", self.first),
            None => write!(f, "[{}]", self.first),
        }
    }
}

/// The one side whose columns `expr` looks at, and always with the same result.
fn side_of(expr: &Arc<dyn PhysicalExpr>, filter: &JoinFilter) -> Option<JoinSide> {
    let mut sides = collect_columns(expr).into_iter().map(|column| filter.column_indices()[column.index()].side);
    let first = sides.next()?;
    let always = !datafusion::physical_expr_common::physical_expr::is_volatile(expr);
    (always && sides.all(|side| side == first)).then_some(first)
}

/// A part of the filter as an expression over the rows of the side that it looks at.
fn rebased(expr: &Arc<dyn PhysicalExpr>, filter: &JoinFilter) -> Result<Arc<dyn PhysicalExpr>> {
    Arc::clone(expr)
        .transform(|part| {
            let Some(column) = part.downcast_ref::<Column>() else { return Ok(Transformed::no(part)) };
            let index = filter.column_indices()[column.index()].index;
            Ok(Transformed::yes(Arc::new(Column::new(column.name(), index)) as _))
        })
        .data()
}

/// Whether values are compared by the order that rows are sorted by.
fn is_ordered(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) => false,
        DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        other => other.is_primitive(),
    }
}
