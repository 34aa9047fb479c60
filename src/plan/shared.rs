//! What several plans have in common.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};

/// The largest part, in nodes, that stands twice or more in the plans and that is worth computing once: more than a scan
/// and a choice of its columns.
pub(crate) fn largest_shared(plans: &[LogicalPlan]) -> Result<Option<LogicalPlan>> {
    let mut seen: HashMap<(&LogicalPlan, Vec<usize>), usize> = HashMap::new();
    let mut shared: Option<(usize, &LogicalPlan)> = None;
    for plan in plans {
        plan.apply(|node| {
            let count = seen.entry((node, tables(node)?)).or_default();
            *count += 1;
            let size = if *count > 1 && is_work(node)? { nodes(node)? } else { 0 };
            if size > shared.map_or(0, |(size, _)| size) {
                shared = Some((size, node));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(shared.map(|(_, plan)| plan.clone()))
}

/// The plan with `by` wherever `part` stood.
pub(crate) fn replace(plan: LogicalPlan, part: &LogicalPlan, by: &LogicalPlan) -> Result<LogicalPlan> {
    if plan == *part && tables(&plan)? == tables(part)? {
        return Ok(by.clone());
    }
    let replaced = plan.map_children(|child| {
        let changed = replace(child, part, by)?;
        Ok(Transformed::yes(changed))
    })?;
    match replaced.data.inputs().is_empty() {
        true => Ok(replaced.data),
        false => replaced.data.recompute_schema(),
    }
}

/// Which tables the plan scans, by their address. To the engine scans of one name are the same, but a name may have been
/// given to another table between two frames.
fn tables(plan: &LogicalPlan) -> Result<Vec<usize>> {
    let mut tables = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let table = source_as_provider(&scan.source).map(|provider| Arc::as_ptr(&provider).cast::<()>().addr());
            tables.push(table.unwrap_or_else(|_| Arc::as_ptr(&scan.source).cast::<()>().addr()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(tables)
}

fn nodes(plan: &LogicalPlan) -> Result<usize> {
    let mut count = 0;
    plan.apply(|_| {
        count += 1;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(count)
}

/// Whether there is something to compute. A statement that writes or defines is not run as a part of another.
fn is_work(plan: &LogicalPlan) -> Result<bool> {
    let is_choice = |expr: &Expr| matches!(expr.clone().unalias(), Expr::Column(_) | Expr::Literal(..));
    let columns = |projection: &Projection| projection.expr.iter().all(is_choice);
    let mut work = false;
    plan.apply(|node| {
        let (computes, stop) = match node {
            LogicalPlan::Dml(_) | LogicalPlan::Ddl(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_) => {
                (false, true)
            }
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => (false, true),
            LogicalPlan::TableScan(_) | LogicalPlan::SubqueryAlias(_) => (false, false),
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => (false, false),
            LogicalPlan::Projection(projection) => (!columns(projection), false),
            _ => (true, false),
        };
        work = if stop { false } else { work || computes };
        Ok(if stop { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(work)
}
