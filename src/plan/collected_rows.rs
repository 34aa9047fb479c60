//! Rows that are made long by a query, which collects many values in each.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use super::long_rows::with_rows;
use super::row_width::{has_long_columns, rows_at_most};
use crate::operator::{SmallBatches, SmallBatchesExec, collects_values};

/// A batch of rows with collected values has no more of them. How long one is nobody knows before: with 20 kB, a batch
/// of the usual 8,192 has 160 MB.
const ROWS: usize = 128;

/// Gives the part of a plan that collected values pass through batches of few rows, all else batches of `usual` rows.
///
/// ```text
/// AggregateExec: count(*), max(length(s))            SmallBatchesExec: rows=128
///   HashJoinExec                                       AggregateExec
///     SpillingAggregateExec: string_agg(v) AS s   →      HashJoinExec
///       DataSourceExec                                     SmallBatchesExec: rows=8192
///     DataSourceExec                                         SpillingAggregateExec, which gives out few rows by itself
///                                                              DataSourceExec
///                                                          SmallBatchesExec: rows=8192
///                                                            DataSourceExec
/// ```
pub(super) fn few_collected_rows(plan: Arc<dyn ExecutionPlan>, usual: usize) -> Result<Arc<dyn ExecutionPlan>> {
    if usual <= ROWS {
        return Ok(plan);
    }
    Ok(part(plan, usual)?.ended())
}

/// A part of a plan, with the rows that come out of it.
struct Part {
    plan: Arc<dyn ExecutionPlan>,
    rows: Rows,
}

enum Rows {
    Usual,
    /// Of an operator that collects values, and gives out a few long rows at a time by itself.
    Collected,
    /// What others have made of those.
    Long,
}

impl Part {
    /// As it is where an operator of its own follows: that has batches as they are usual.
    fn ended(self) -> Arc<dyn ExecutionPlan> {
        match self.rows {
            Rows::Usual | Rows::Collected => self.plan,
            Rows::Long => with_batches_of(self.plan, ROWS),
        }
    }

    /// As it is below an operator with small batches.
    fn below_small(self, usual: usize) -> Arc<dyn ExecutionPlan> {
        match self.rows {
            Rows::Usual | Rows::Collected => with_batches_of(self.plan, usual),
            Rows::Long => self.plan,
        }
    }
}

fn part(plan: Arc<dyn ExecutionPlan>, usual: usize) -> Result<Part> {
    let children = plan.children().into_iter().map(|child| part(Arc::clone(child), usual));
    let children = children.collect::<Result<Vec<_>>>()?;
    let collects = collects_values(plan.as_ref()) && may_be_many(&plan, usual)?;
    if collects || children.iter().all(|child| matches!(child.rows, Rows::Usual)) {
        let rows = if collects { Rows::Collected } else { Rows::Usual };
        let plan = with_children(plan, children.into_iter().map(Part::ended).collect())?;
        return Ok(Part { plan, rows });
    }
    let children = children.into_iter().map(|child| child.below_small(usual));
    let plan = with_rows(with_children(plan, children.collect())?, ROWS)?.data;
    let part = Part { plan, rows: Rows::Long };
    if has_long_columns(&part.plan.schema()) {
        return Ok(part);
    }
    Ok(Part { plan: part.ended(), rows: Rows::Usual })
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
        assert!(place("SmallBatchesExec: rows=128") < place("SpillingHashJoinExec"), "{plan}");
        assert_eq!(plan.matches("SmallBatchesExec: rows=8192").count(), 2, "one for each scan\n{plan}");
    }

    #[tokio::test]
    async fn few_values_and_such_as_nothing_is_done_to_are_left_alone() {
        for sql in [
            "SELECT k, array_agg(s) FROM few GROUP BY k ORDER BY k",
            "SELECT k, array_agg(s) FROM many GROUP BY k",
            "SELECT k, max(s) FROM many GROUP BY k ORDER BY k",
        ] {
            let plan = explain(sql).await;
            assert!(!plan.contains("SmallBatchesExec"), "{plan}");
        }
    }
}
