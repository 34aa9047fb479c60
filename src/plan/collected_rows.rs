//! Rows that are made long by a query, which collects many values in each.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::{InterleaveExec, UnionExec};
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use super::long_rows::with_rows;
use super::row_width::rows_at_most;
use crate::operator::{SmallBatches, SmallBatchesExec, collects_values};

/// A batch of rows with collected values has so many times fewer of them. How long one is nobody knows before: with
/// 20 kB, a batch of 8,192 has 160 MB.
const FEWER: usize = 8;

/// Gives the part of a plan that collected values pass through batches of fewer rows, all else batches of `usual` rows.
///
/// ```text
/// AggregateExec: count(*), max(length(s))            SmallBatchesExec: rows=1024
///   HashJoinExec                                       AggregateExec
///     SpillingAggregateExec: string_agg(v) AS s   →      HashJoinExec
///       DataSourceExec                                     SmallBatchesExec: rows=8192
///     DataSourceExec                                         SpillingAggregateExec, which gives out few rows by itself
///                                                              DataSourceExec
///                                                          SmallBatchesExec: rows=8192
///                                                            DataSourceExec
/// ```
pub(super) fn few_collected_rows(plan: Arc<dyn ExecutionPlan>, usual: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let sizes = Sizes { usual, few: (usual / FEWER).max(1) };
    Ok(part(plan, &sizes)?.ended(&sizes))
}

/// The columns of `plan` that have collected values, or what was made of them.
pub(super) fn collected_columns(plan: &dyn ExecutionPlan) -> HashSet<String> {
    let below = plan.children().into_iter().flat_map(|child| collected_columns(child.as_ref())).collect();
    columns_of(plan, &below, collects_values(plan))
}

/// The same where those below are known. Operators but projections hand columns on by their names; what has a new name
/// is taken to be made of them.
fn columns_of(plan: &dyn ExecutionPlan, below: &HashSet<String>, collects: bool) -> HashSet<String> {
    if below.is_empty() && !collects {
        return HashSet::new();
    }
    let schemas: Vec<_> = plan.children().into_iter().map(|child| child.schema()).collect();
    let is_new = |name: &String| !schemas.iter().any(|schema| schema.column_with_name(name).is_some());
    let projection = plan.downcast_ref::<ProjectionExec>().map(ProjectionExec::expr);
    let renames = plan.is::<UnionExec>() || plan.is::<InterleaveExec>();
    let is_collected = |(place, name): (usize, &String)| match projection.and_then(|made| made.get(place)) {
        Some(made) => collect_columns(&made.expr).iter().any(|column| below.contains(column.name())),
        None => renames || below.contains(name) || is_new(name),
    };
    let schema = plan.schema();
    let long = schema.fields().iter().enumerate().filter(|(_, field)| is_long(field.data_type()));
    long.map(|(place, field)| (place, field.name()))
        .filter(|column| is_collected(*column))
        .map(|(_, name)| name.clone())
        .collect()
}

/// Whether values take as much as they want: texts, lists.
fn is_long(data_type: &DataType) -> bool {
    data_type.primitive_width().is_none() && !matches!(data_type, DataType::Boolean | DataType::Null)
}

/// How many rows a batch has.
struct Sizes {
    usual: usize,
    few: usize,
}

/// A part of a plan, with the rows that come out of it.
struct Part {
    plan: Arc<dyn ExecutionPlan>,
    rows: Rows,
    collected: HashSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Usual,
    /// Of an operator that collects values, and gives out a few long rows at a time by itself.
    Collected,
    /// What others have made of those.
    Long,
}

impl Part {
    /// As it is where an operator with batches as they are usual follows.
    fn ended(self, sizes: &Sizes) -> Arc<dyn ExecutionPlan> {
        match self.rows {
            Rows::Usual | Rows::Collected => self.plan,
            Rows::Long => with_batches_of(self.plan, sizes.few),
        }
    }

    /// As it is below an operator with small batches.
    fn below_small(self, sizes: &Sizes) -> Arc<dyn ExecutionPlan> {
        match self.rows {
            Rows::Usual | Rows::Collected => with_batches_of(self.plan, sizes.usual),
            Rows::Long => self.plan,
        }
    }
}

fn part(plan: Arc<dyn ExecutionPlan>, sizes: &Sizes) -> Result<Part> {
    let children = plan.children().into_iter().map(|child| part(Arc::clone(child), sizes));
    let children = children.collect::<Result<Vec<_>>>()?;
    let below = children.iter().flat_map(|child| child.collected.iter().cloned()).collect();
    let collects = collects_values(plan.as_ref()) && may_be_many(&plan, sizes.usual)?;
    let collected = columns_of(plan.as_ref(), &below, collects);
    let all = |rows: Rows| children.iter().all(|child| child.rows == rows);
    // A projection has the batches that come.
    if collects || all(Rows::Usual) || (plan.is::<ProjectionExec>() && all(Rows::Collected)) {
        let rows = if collected.is_empty() { Rows::Usual } else { Rows::Collected };
        let plan = with_children(plan, children.into_iter().map(|child| child.ended(sizes)).collect())?;
        return Ok(Part { plan, rows, collected });
    }
    let children = children.into_iter().map(|child| child.below_small(sizes));
    let plan = with_rows(with_children(plan, children.collect())?, sizes.few)?.data;
    let part = Part { plan, rows: Rows::Long, collected };
    if !part.collected.is_empty() {
        return Ok(part);
    }
    Ok(Part { plan: part.ended(sizes), rows: Rows::Usual, collected: HashSet::new() })
}

/// The same operator over other children, which give the same rows.
fn with_children(
    plan: Arc<dyn ExecutionPlan>,
    children: Vec<Arc<dyn ExecutionPlan>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    if plan.children().into_iter().zip(&children).all(|(before, now)| Arc::ptr_eq(before, now)) {
        return Ok(plan);
    }
    plan.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep))
}

fn with_batches_of(plan: Arc<dyn ExecutionPlan>, rows: usize) -> Arc<dyn ExecutionPlan> {
    Arc::new(SmallBatchesExec::new(plan, SmallBatches { rows }))
}

/// Whether there may be more values than a usual batch has, as far as that is known.
fn may_be_many(plan: &Arc<dyn ExecutionPlan>, usual: usize) -> Result<bool> {
    let Some(input) = plan.children().first().copied().cloned() else { return Ok(false) };
    Ok(rows_at_most(&input)?.is_none_or(|rows| rows > usual))
}

#[cfg(test)]
mod tests {
    use crate::Context;

    async fn explain(sql: &str) -> String {
        let context = Context::builder().threads(2).build().unwrap();
        for (name, rows) in [("many", 20_000), ("few", 100)] {
            let values = format!("SELECT id, id % 7 AS k, 'text' AS s FROM generate_series(1, {rows}) r (id)");
            context.sql(&format!("CREATE TABLE {name} AS {values}")).await.unwrap().compute().await.unwrap();
        }
        context.sql(sql).await.unwrap().explain().await.unwrap()
    }

    #[tokio::test]
    async fn what_is_above_collected_values_has_small_batches_and_what_is_below_has_not() {
        let plan = explain(
            "SELECT count(*), max(length(a.s)) FROM (SELECT k, string_agg(s, ',') AS s FROM many GROUP BY k) a \
             JOIN many b ON a.k = b.k WHERE length(a.s) > b.id",
        )
        .await;
        let place = |what: &str| plan.find(what).unwrap_or_else(|| panic!("no {what}\n{plan}"));
        assert!(place("SmallBatchesExec: rows=1024") < place("SpillingHashJoinExec"), "{plan}");
        assert_eq!(plan.matches("SmallBatchesExec: rows=8192").count(), 2, "one for each scan\n{plan}");
    }

    #[tokio::test]
    async fn few_values_and_such_as_nothing_is_done_to_are_left_alone() {
        for sql in [
            "SELECT k, array_agg(s) FROM few GROUP BY k ORDER BY k",
            "SELECT k, array_agg(s) FROM many GROUP BY k",
            "SELECT k, array_length(array_agg(s)) FROM many GROUP BY k ORDER BY k",
            "SELECT k, max(s) FROM many GROUP BY k ORDER BY k",
        ] {
            let plan = explain(sql).await;
            assert!(!plan.contains("SmallBatchesExec"), "{plan}");
        }
    }

    #[tokio::test]
    async fn other_columns_have_batches_as_they_are_usual() {
        let lists = "SELECT k, array_agg(id) AS a FROM many GROUP BY k";
        let plan =
            explain(&format!("SELECT b.s FROM ({lists}) l JOIN many b USING (k) WHERE a[1] > 0 ORDER BY s")).await;
        let place = |what: &str| plan.find(what).unwrap_or_else(|| panic!("no {what}\n{plan}"));
        assert!(place("SpillingHashJoinExec") < place("SmallBatchesExec: rows=1024"), "{plan}");
        let plan = explain(&format!("SELECT * FROM ({lists}) UNION ALL SELECT * FROM ({lists}) ORDER BY k")).await;
        let place = |what: &str| plan.find(what).unwrap_or_else(|| panic!("no {what}\n{plan}"));
        assert!(place("SmallBatchesExec: rows=1024") < place("SpillingSortExec"), "{plan}");
    }
}
