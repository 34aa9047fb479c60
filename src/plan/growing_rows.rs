//! Expressions that make rows long.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, PhysicalExpr, ReplaceChildrenOptions};

use super::row_width::may_be_long;
use crate::function::is_user_function;
use crate::operator::{LearnPieces, LearnPiecesExec, PieceRows, Pieces, PiecesExec};

/// Has a few rows at a time evaluated where that may make them long, by `repeat`, `replace`, or a function of the user's.
///
/// ```text
/// ProjectionExec: replace(s, 'e', t)          LearnPiecesExec
///   DataSourceExec                      →       ProjectionExec: replace(s, 'e', t)
///                                                 PiecesExec
///                                                   DataSourceExec
/// ```
///
/// A projection then makes batches of about as many bytes as others have; of what a filter or an aggregate evaluates,
/// nothing comes out to tell how much it is. The rule stands before the one that moves projections into scans.
#[derive(Debug)]
pub(crate) struct GrowingRows;

impl PhysicalOptimizerRule for GrowingRows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            if node.downcast_ref::<ProjectionExec>().is_some_and(|projection| {
                projection.expr().iter().any(|made| may_be_long(&made.expr) || is_of_user(&made.expr))
            }) {
                let rows = PieceRows::default();
                let projection = by_pieces(node, &rows)?;
                return Ok(Transformed::yes(Arc::new(LearnPiecesExec::new(projection, LearnPieces { rows }))));
            }
            match evaluated(&node).iter().any(may_be_long) {
                true => Ok(Transformed::yes(by_pieces(node, &PieceRows::default())?)),
                false => Ok(Transformed::no(node)),
            }
        })
        .data()
    }

    fn name(&self) -> &str {
        "growing_rows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The operator over pieces of its input.
fn by_pieces(node: Arc<dyn ExecutionPlan>, rows: &PieceRows) -> Result<Arc<dyn ExecutionPlan>> {
    let pieces = |child: &Arc<dyn ExecutionPlan>| -> Arc<dyn ExecutionPlan> {
        Arc::new(PiecesExec::new(Arc::clone(child), Pieces { rows: rows.clone() }))
    };
    let children = node.children().into_iter().map(pieces).collect();
    node.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
}

/// What a filter or an aggregate evaluates of its input's rows.
fn evaluated(node: &Arc<dyn ExecutionPlan>) -> Vec<Arc<dyn PhysicalExpr>> {
    if let Some(filter) = node.downcast_ref::<FilterExec>() {
        return vec![Arc::clone(filter.predicate())];
    }
    match node.downcast_ref::<AggregateExec>() {
        Some(aggregate) if aggregate.mode().input_mode() == AggregateInputMode::Raw => {
            let arguments = aggregate.aggr_expr().iter().flat_map(|function| function.expressions());
            aggregate.group_expr().input_exprs().into_iter().chain(arguments).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a function of the user's makes texts, lists or the like.
fn is_of_user(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let call = expr.downcast_ref::<ScalarFunctionExpr>();
    let makes_long = call.is_some_and(|call| {
        let data_type = call.return_type();
        is_user_function(call.fun()) && data_type.primitive_width().is_none() && !data_type.is_null()
    });
    makes_long || expr.children().into_iter().any(is_of_user)
}

#[cfg(test)]
mod tests {
    use crate::Context;

    async fn explain(sql: &str) -> String {
        let ctx = Context::builder().threads(2).build().unwrap();
        let create = "CREATE TABLE t AS SELECT value AS v, CAST(value AS VARCHAR) AS s FROM generate_series(1, 100000)";
        ctx.sql(create).await.unwrap().compute().await.unwrap();
        ctx.sql(sql).await.unwrap().explain().await.unwrap()
    }

    #[tokio::test]
    async fn what_may_make_rows_long_sees_few_at_a_time() {
        for sql in [
            "SELECT v, repeat(s, v) FROM t",
            "SELECT v, replace(s, '1', s) FROM t",
            "SELECT v, length(regexp_replace(s, '[0-9]', repeat('x', 1000))) FROM t",
            "SELECT v FROM t WHERE length(repeat(s, v)) > 10",
            "SELECT max(length(rpad(s, v))) FROM t",
        ] {
            let plan = explain(sql).await;
            let learns = sql.starts_with("SELECT v, ");
            assert!(plan.contains(" PiecesExec") && plan.contains("LearnPiecesExec") == learns, "{sql}\n{plan}");
        }
    }

    #[tokio::test]
    async fn others_have_whole_batches() {
        for sql in [
            "SELECT v, replace(s, '1', 'one'), lpad(s, 20), concat(s, 'x') FROM t WHERE s <> repeat('x', 5)",
            "SELECT max(repeat(s, 3)), count(*) FROM t GROUP BY upper(s)",
        ] {
            let plan = explain(sql).await;
            assert!(!plan.contains("PiecesExec"), "{sql}\n{plan}");
        }
    }
}
