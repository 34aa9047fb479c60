//! The names of the columns of a join.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::Expr as Engine;

use super::columns::repeated;
use super::expression::{Expr, resolve, unknown};
use super::join::column_at;
use crate::error::{Error, Result};

/// The columns that two frames have side by side, with the names that tell them apart.
#[derive(Debug)]
pub(super) struct Names {
    columns: Vec<Named>,
    /// Keys of the right side that are one with those of the left.
    merged: usize,
}

#[derive(Debug)]
struct Named {
    name: String,
    column: Column,
    /// The key of the right side that this one, of the left, is one with.
    partner: Option<Column>,
}

impl Names {
    /// Names every column of both sides; of a key in `merged` there is one.
    ///
    /// Errors: keys that a side does not have; names that are equal with their suffixes.
    pub(super) fn new(
        left: &DFSchema,
        right: &DFSchema,
        merged: &[String],
        (left_suffix, right_suffix): &(String, String),
    ) -> Result<Self> {
        for key in merged {
            for side in [left, right] {
                if !side.has_column_with_unqualified_name(key) {
                    return Err(unknown(key, side));
                }
            }
        }
        let is_merged = |name: &String| merged.contains(name);
        let side = |ours: &DFSchema, theirs: &DFSchema, suffix: &str| -> Vec<(String, Column)> {
            let named = |(at, field): (usize, &std::sync::Arc<datafusion::arrow::datatypes::Field>)| {
                let repeats = theirs.has_column_with_unqualified_name(field.name()) && !is_merged(field.name());
                let suffix = if repeats { suffix } else { "" };
                (format!("{}{suffix}", field.name()), column_at(ours, at))
            };
            ours.fields().iter().enumerate().map(named).collect()
        };
        let (keys, others): (Vec<_>, Vec<_>) =
            side(right, left, right_suffix).into_iter().partition(|(name, _)| is_merged(name));
        let partner = |name: &str| keys.iter().find(|(key, _)| key == name).map(|(_, column)| column.clone());
        let ours = side(left, right, left_suffix).into_iter().map(|(name, column)| {
            let partner = partner(&name);
            Named { name, column, partner }
        });
        let theirs = others.into_iter().map(|(name, column)| Named { name, column, partner: None });
        let columns: Vec<_> = ours.chain(theirs).collect();
        if let Some(twice) = repeated(columns.iter().map(|named| named.name.as_str())) {
            return Err(Error::user(format!("both sides would have a column '{twice}'"))
                .with_hint("give other suffixes: .suffixes(\"_left\", \"_right\")"));
        }
        Ok(Self { columns, merged: keys.len() })
    }

    /// Whether the columns of the join are these, with no other name and none merged.
    pub(super) fn are_plain(&self) -> bool {
        self.merged == 0 && self.columns.iter().all(|named| named.name == named.column.name)
    }

    /// The columns over the join; `merged` makes one of two keys.
    pub(super) fn columns(&self, merged: impl Fn(Column, Column) -> Engine) -> Result<Vec<Engine>> {
        let column = |named: &Named| {
            let expr = match &named.partner {
                Some(partner) => merged(named.column.clone(), partner.clone()),
                None => Engine::Column(named.column.clone()),
            };
            let keeps_its_name = matches!(&expr, Engine::Column(column) if column.name == named.name);
            if keeps_its_name { expr } else { expr.alias(&named.name) }
        };
        Ok(self.columns.iter().map(column).collect())
    }

    /// A condition over both sides, in which columns go by the names of the result.
    pub(super) fn resolve(&self, condition: Expr, both: &DFSchema) -> Result<Engine> {
        let by_result = |node: Engine| match &node {
            Engine::Column(Column { relation: None, name, .. }) => {
                let found = self.columns.iter().find(|named| named.name == *name);
                Ok(found.map_or_else(
                    || Transformed::no(node.clone()),
                    |named| Transformed::yes(Engine::Column(named.column.clone())),
                ))
            }
            _ => Ok(Transformed::no(node)),
        };
        resolve(condition.0.transform(by_result).data()?, both)
    }
}
