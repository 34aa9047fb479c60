//! Scans whose rows are filtered by the keys of joins above.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::physical_expr::expressions::{Column, DynamicFilterPhysicalExpr};
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use crate::operator::{KeyFilter, KeyFilterExec};
use crate::source::file_scan;

/// Applies the dynamic filters that a scan has been given to its rows, behind the filters of the query itself.
///
/// ```text
/// FilterExec: l_shipdate > …                         KeyFilterExec: filters=1
///   DataSourceExec: … predicate=DynamicFilter[…]  →    FilterExec: l_shipdate > …
///                                                        DataSourceExec: … predicate=DynamicFilter[…]
/// ```
///
/// A scan that filters row by row itself (`datafusion.execution.parquet.pushdown_filters`) is left alone.
#[derive(Debug)]
pub(crate) struct FilteredScans;

impl PhysicalOptimizerRule for FilteredScans {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, options: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if options.execution.parquet.pushdown_filters {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            let filters = scan_filters(&node);
            if !filters.is_empty() {
                return Ok(Transformed::yes(Arc::new(KeyFilterExec::new(node, KeyFilter { filters })) as _));
            }
            match behind_filter(&node)? {
                Some(changed) => Ok(Transformed::yes(changed)),
                None => Ok(Transformed::no(node)),
            }
        })
        .data()
    }

    fn name(&self) -> &str {
        "filtered_scans"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The dynamic filters of a scan, over the columns that come out of it.
fn scan_filters(node: &Arc<dyn ExecutionPlan>) -> Vec<Arc<dyn PhysicalExpr>> {
    let Some(files) = file_scan(node.as_ref()) else { return Vec::new() };
    let Some(predicate) = files.file_source().filter() else { return Vec::new() };
    let dynamic = split_conjunction(&predicate).into_iter().filter(|part| part.is::<DynamicFilterPhysicalExpr>());
    dynamic.filter_map(|filter| over_output(files, filter).ok()).collect()
}

/// The same filter, whose columns are those that come out; an error where one of them does not, or not as it is.
fn over_output(files: &FileScanConfig, filter: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    let Some(projection) = files.file_source().projection() else { return Ok(Arc::clone(filter)) };
    let moved = |part: Arc<dyn PhysicalExpr>| {
        let Some(column) = part.downcast_ref::<Column>() else { return Ok(Transformed::no(part)) };
        let at = projection.iter().position(|output| {
            output.expr.downcast_ref::<Column>().is_some_and(|output| output.index() == column.index())
        });
        match at {
            Some(at) => Ok(Transformed::yes(Arc::new(Column::new(column.name(), at)) as _)),
            None => datafusion::common::plan_err!("column {} does not come out of the scan", column.name()),
        }
    };
    Arc::clone(filter).transform_down(moved).data()
}

/// A filter of the query, put below the filter by keys that is under it.
fn behind_filter(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(filter) = node.downcast_ref::<FilterExec>() else { return Ok(None) };
    let Some(keys) = filter.input().downcast_ref::<KeyFilterExec>() else { return Ok(None) };
    let schema = node.schema();
    let moved = keys.pass().filters.iter().map(|keys| reassign_expr_columns(Arc::clone(keys), &schema));
    let Ok(moved) = moved.collect::<Result<Vec<_>>>() else { return Ok(None) };
    let scan = keys.children().into_iter().cloned().collect();
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    let below = Arc::clone(node).replace_children(scan, options)?;
    Ok(Some(Arc::new(KeyFilterExec::new(below, KeyFilter { filters: moved }))))
}

#[cfg(test)]
mod tests {
    use crate::{Context, Source};

    /// A join kept 4,000 of 60 million rows, all of which it had been given: the scan had used the filter for row groups
    /// alone.
    #[tokio::test]
    async fn a_scan_leaves_out_what_the_join_above_does_not_want() {
        let ctx = Context::builder().threads(2).build().unwrap();
        ctx.register("flights", Source::parquet("queries/data/flights")).await.unwrap();
        let query = "SELECT count(*) FROM (SELECT tailnum FROM flights GROUP BY tailnum HAVING count(*) > 500) AS often
            JOIN flights ON flights.tailnum = often.tailnum WHERE flights.distance > 100";
        let plan = ctx.sql(query).await.unwrap().explain().await.unwrap();
        let lines: Vec<&str> = plan.lines().map(str::trim).collect();
        let at = lines.iter().position(|line| *line == "KeyFilterExec: filters=1").unwrap_or_else(|| panic!("{plan}"));
        assert!(lines[at + 1].starts_with("FilterExec: distance"), "{plan}");
        let joined = ctx.sql(query).await.unwrap().compute().await.unwrap();
        ctx.sql("SET datafusion.execution.parquet.pushdown_filters = true").await.unwrap().compute().await.unwrap();
        let plan = ctx.sql(query).await.unwrap().explain().await.unwrap();
        assert!(!plan.contains("KeyFilterExec"), "{plan}");
        assert_eq!(ctx.sql(query).await.unwrap().compute().await.unwrap(), joined);
    }
}
