//! What rows are computed by and from.

use std::sync::Arc;

use datafusion::common::Result as EngineResult;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::FileGroup;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::{ExecutionPlan, displayable};

use super::Frame;
use crate::error::Result;
use crate::operator::MapExec;
use crate::source::file_scan;

/// The plans of the frame and the files that it reads, with their sizes and times, as text. Equal recipes give equal rows.
///
/// None where the text leaves something out: rows in memory, functions of a program's own over partitions, volatile
/// functions.
pub(super) fn recipe(frame: &Frame, physical: &Arc<dyn ExecutionPlan>) -> Result<Option<Vec<String>>> {
    let optimized = frame.context.session().state().optimize(&frame.plan)?;
    let mut files = Vec::new();
    let mut told = !is_volatile(&optimized)?;
    physical.apply(|node| {
        told &= tells(node, &mut files);
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !told {
        return Ok(None);
    }
    let logical = optimized.display_indent_schema().to_string();
    let mut recipe = vec![format!("partita {}", env!("CARGO_PKG_VERSION"))];
    recipe.extend(logical.lines().map(str::to_string));
    recipe.extend(displayable(physical.as_ref()).indent(true).to_string().lines().map(str::to_string));
    recipe.extend(files);
    Ok(Some(recipe))
}

/// Whether the node's text and its files say all of it.
fn tells(node: &Arc<dyn ExecutionPlan>, files: &mut Vec<String>) -> bool {
    if node.is::<MapExec>() {
        return false;
    }
    if !node.children().is_empty() {
        return true;
    }
    match file_scan(node.as_ref()) {
        Some(config) => {
            for file in config.file_groups.iter().flat_map(FileGroup::iter) {
                let meta = &file.object_meta;
                files.push(format!("{} {} bytes {} {:?}", meta.location, meta.size, meta.last_modified, file.range));
            }
            true
        }
        None => {
            let generated = node.is::<LazyMemoryExec>() || node.name().starts_with("Tpch");
            generated || node.is::<EmptyExec>() || node.is::<PlaceholderRowExec>()
        }
    }
}

fn is_volatile(plan: &LogicalPlan) -> EngineResult<bool> {
    let mut volatile = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            volatile |= expr.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(volatile)
}
