//! The file that the rows of a call come from.

use std::collections::HashMap;
use std::sync::Arc;

use crate::source::file_scan;
use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;

/// The file of each call whose rows all come from that one, by the call's place in the plan.
///
/// A scan of several files hands its rows on without a word of which they are from.
pub(crate) fn files_of_calls(plan: &Arc<dyn ExecutionPlan>) -> Result<HashMap<usize, Arc<str>>> {
    let mut files = HashMap::new();
    origin(plan, &mut files)?;
    Ok(files)
}

/// Where a call stands in a plan: the field of its result is there once for each.
pub(super) fn site(field: &datafusion::arrow::datatypes::FieldRef) -> usize {
    Arc::as_ptr(field) as usize
}

/// The one file below `plan`, if there is no other and no other source; notes it for the calls on the way.
fn origin(plan: &Arc<dyn ExecutionPlan>, files: &mut HashMap<usize, Arc<str>>) -> Result<Option<Arc<str>>> {
    let mut origins = Vec::new();
    for input in plan.children() {
        origins.push(origin(input, files)?);
    }
    let origin = match origins.split_first() {
        None => scanned(plan),
        Some((first, others)) if others.iter().all(|other| other == first) => first.clone(),
        Some(_) => None,
    };
    if let Some(file) = &origin {
        plan.apply_expressions(&mut |root| {
            root.apply(|expression| {
                let call = expression.downcast_ref::<ScalarFunctionExpr>();
                if let Some(field) = call.map(|call| call.return_field(&plan.schema())).transpose()? {
                    files.insert(site(&field), Arc::clone(file));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
    }
    Ok(origin)
}

/// The only file of a scan.
fn scanned(plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<str>> {
    let mut files = file_scan(plan.as_ref())?.file_groups.iter().flat_map(|group| group.iter()).map(|file| file.path());
    let first = files.next()?;
    files.all(|file| file == first).then(|| format!("/{first}").into())
}
