//! Groups and joins by very many columns.

mod groups;
mod joins;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::complete_aggregate::CompleteAggregate;
use crate::operator::{KeyEncoding, RowKey, RowKeys, RowKeysExec};

/// Keys of so many columns are made one.
const WIDE: usize = if cfg!(test) { 6 } else { 64 };

/// What that one is called.
const KEY: &str = "row_key";

/// Makes one key of the columns of a group, such as those of `SELECT DISTINCT *`, where they are very many; why, see
/// [`RowKey`]. `INTERSECT` and `EXCEPT` join what is distinct by that key.
///
/// ```text
/// AggregateExec: FinalPartitioned, gby=[c0, …]     KeyColumnsExec: columns=1000
///   AggregateExec: Partial, gby=[c0, …]        →     AggregateExec: SinglePartitioned, gby=[row_key]
///     …                                                RowKeysExec: row_key(c0, …)
///                                                        …
///
/// HashJoinExec: RightSemi, on=[(c0, c0), …]        KeyColumnsExec: columns=1000
///   left                                       →     HashJoinExec: RightSemi, on=[(row_key, row_key)]
///   AggregateExec: gby=[c0, …]                         RowKeysExec: row_key(c0, …)
///     …                                                  left
///                                                      AggregateExec: gby=[row_key]
///                                                        …
/// ```
///
/// The rule stands before the one that deals rows out by the keys of their groups.
#[derive(Debug)]
pub(crate) struct WideKeys;

impl PhysicalOptimizerRule for WideKeys {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let narrow = if let Some(aggregate) = CompleteAggregate::of(&node) {
                groups::by_key(&aggregate)?
            } else if let Some(join) = node.downcast_ref::<HashJoinExec>() {
                joins::on_key(join)?
            } else {
                None
            };
            Ok(narrow.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &str {
        "wide_keys"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Rows with their key.
struct Keyed {
    input: Arc<dyn ExecutionPlan>,
    key: Arc<dyn PhysicalExpr>,
}

impl Keyed {
    fn of(input: &Arc<dyn ExecutionPlan>, columns: Vec<Arc<dyn PhysicalExpr>>, encoding: Arc<KeyEncoding>) -> Self {
        Self { input: Arc::clone(input), key: Arc::new(RowKey::new(columns, encoding)) }
    }

    /// The same with nothing but the key.
    fn keys_alone(self) -> Self {
        Self::by_first_column(Arc::new(RowKeysExec::new(self.input, RowKeys::new(self.key, KEY))))
    }

    fn by_first_column(input: Arc<dyn ExecutionPlan>) -> Self {
        Self { input, key: Arc::new(Column::new(KEY, 0)) }
    }
}

fn encoding(columns: &[Arc<dyn PhysicalExpr>], input: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<KeyEncoding>>> {
    let schema = input.schema();
    let types = columns.iter().map(|column| column.data_type(&schema)).collect::<Result<Vec<_>>>()?;
    Ok(KeyEncoding::of_equal(types).map(Arc::new))
}

#[cfg(test)]
mod tests {
    use crate::Context;

    async fn explain(sql: &str) -> String {
        let ctx = Context::builder().threads(2).build().unwrap();
        let columns =
            (0..6).map(|column| format!("value % {} AS c{column}", column + 7)).collect::<Vec<_>>().join(", ");
        let create = format!("CREATE TABLE t AS SELECT {columns} FROM generate_series(1, 100000)");
        ctx.sql(&create).await.unwrap().compute().await.unwrap();
        ctx.sql(sql).await.unwrap().explain().await.unwrap()
    }

    #[tokio::test]
    async fn groups_of_many_columns_have_one_key() {
        let plan = explain("SELECT DISTINCT * FROM t").await;
        let key = "row_key(c0@0, c1@1, c2@2, c3@3, c4@4, c5@5)";
        for part in ["KeyColumnsExec: columns=6", "Hash([row_key@0], 2)", &format!("RowKeysExec: {key}")] {
            assert!(plan.contains(part), "{part}\n{plan}");
        }
        let plan = explain("SELECT c0, c1, c2, c3, c4, max(c5) FROM t GROUP BY c0, c1, c2, c3, c4").await;
        assert!(!plan.contains("row_key"), "few columns\n{plan}");
        let plan = explain("SELECT DISTINCT * FROM t LIMIT 3").await;
        assert!(!plan.contains("row_key"), "over after three\n{plan}");
    }

    #[tokio::test]
    async fn joins_of_rows_that_are_no_keys_keep_their_columns() {
        for join in ["LEFT SEMI JOIN", "JOIN", "LEFT ANTI JOIN"] {
            let plan = explain(&format!("SELECT * FROM t a {join} t b USING (c0, c1, c2, c3, c4, c5)")).await;
            assert!(!plan.contains("row_key"), "{plan}");
        }
    }

    #[tokio::test]
    async fn common_rows_are_keys_until_they_come_out() {
        let plan = explain("SELECT * FROM t INTERSECT SELECT * FROM t WHERE c0 > 1").await;
        assert!(plan.contains("on=[(row_key@0, row_key@0)]"), "{plan}");
        assert_eq!(plan.matches("KeyColumnsExec").count(), 1, "{plan}");
        assert!(plan.find("KeyColumnsExec") < plan.find("SpillingHashJoinExec"), "{plan}");
    }

    /// What is dealt out by the keys of its groups is dealt out again for a join by their columns.
    #[tokio::test]
    async fn rows_dealt_out_by_the_key_are_not_taken_for_dealt_out_by_columns() {
        let join = "SELECT * FROM (SELECT DISTINCT * FROM t) a FULL JOIN t b USING (c0, c1, c2, c3, c4)";
        let plan = explain(join).await;
        assert_eq!(plan.matches("SpillingRepartitionExec").count(), 3, "{plan}");
    }
}
