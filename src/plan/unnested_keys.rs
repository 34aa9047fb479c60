//! Keys of groups above an unnested list.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Unnest, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

/// Hides the keys of a grouping from what stands above an unnested list of it. A key says all other columns of its row,
/// the engine holds, and leaves them out of ORDER BY and GROUP BY; but unnested, there are several rows of one key.
///
/// ```text
/// Sort: k, x                              Sort: k, x                  (without the rule: k alone)
///   Unnest: x                               Unnest: x
///     Aggregate: groupBy=[k], …      →        Projection: unnested_key(k) AS k, …
///                                               Aggregate: groupBy=[k], …
/// ```
#[derive(Debug)]
pub(crate) struct UnnestedKeys;

impl AnalyzerRule for UnnestedKeys {
    fn name(&self) -> &str {
        "unnested_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let mut found = false;
        plan.apply_with_subqueries(|node| {
            found |= matches!(node, LogicalPlan::Unnest(unnest) if has_keys(unnest));
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !found {
            return Ok(plan);
        }
        let changed = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Unnest(unnest) if has_keys(&unnest) => Ok(Transformed::yes(hide(unnest)?)),
            // Built anew: what lies below may have lost its keys.
            other => other.recompute_schema().map(Transformed::yes),
        });
        changed.data()
    }
}

fn has_keys(unnest: &Unnest) -> bool {
    !unnest.input.schema().functional_dependencies().is_empty()
}

fn hide(unnest: Unnest) -> Result<LogicalPlan> {
    let input = Arc::unwrap_or_clone(unnest.input);
    let schema = Arc::clone(input.schema());
    let dependencies = schema.functional_dependencies();
    let is_key = |at: usize| dependencies.iter().any(|dependency| dependency.source_indices.contains(&at));
    let function = ScalarUDF::from(UnnestedKey { signature: Signature::any(1, Volatility::Immutable) });
    let columns = schema.iter().enumerate().map(|(at, (table, field))| {
        let column = Expr::Column(Column::new(table.cloned(), field.name()));
        match is_key(at) {
            true => function.call(vec![column]).alias_qualified(table.cloned(), field.name()),
            false => column,
        }
    });
    let input = LogicalPlanBuilder::from(input).project(columns.collect::<Vec<_>>())?;
    input.unnest_columns_with_options(unnest.exec_columns, unnest.options)?.build()
}

/// The value as it is, of which the engine knows nothing.
#[derive(Debug, PartialEq, Eq, Hash)]
struct UnnestedKey {
    signature: Signature,
}

impl ScalarUDFImpl for UnnestedKey {
    fn name(&self) -> &str {
        "unnested_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::clone(&args.arg_fields[0]))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args.into_iter().next().unwrap_or(ColumnarValue::Scalar(datafusion::scalar::ScalarValue::Null)))
    }
}
