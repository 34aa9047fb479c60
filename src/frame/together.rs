//! Several frames at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use super::Frame;
use super::persist::NAME;
use crate::error::{Error, Result};
use crate::plan::{largest_shared, replace};

/// Runs the frames for their batches, and what they have in common once: a frame that several were made from is computed
/// into the budget, its needed columns alone, as [`persist`](Frame::persist) would, and dropped with the last that reads
/// it. The results are in the order of the frames; the frames run one after the other, each with all threads.
///
/// What two frames share is the same call chain over the same table. A scan by itself is not shared: each frame reads its
/// own columns and rows of it.
///
/// Errors: frames of different contexts; what goes wrong in a query.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// let ctx = partita::Context::builder().build()?;
/// let base = ctx.sql("SELECT value % 7 AS day, sum(value) AS total FROM generate_series(1, 1000) GROUP BY 1").await?;
/// let (all, some) = (base.clone(), base.partition(0)?);
/// let results = partita::compute_all([all, some]).await?; // one grouping
/// assert_eq!(results.len(), 2);
/// # Ok(()) }
/// ```
pub async fn compute_all(frames: impl IntoIterator<Item = Frame>) -> Result<Vec<Vec<RecordBatch>>> {
    let frames: Vec<Frame> = frames.into_iter().collect();
    let Some(first) = frames.first() else { return Ok(Vec::new()) };
    if let Some(place) = frames.iter().position(|frame| !frame.context.is(&first.context)) {
        return Err(Error::user(format!("frame {place}, counted from 0, is of another context than the first")));
    }
    let mut plans: Vec<LogicalPlan> = frames.iter().map(|frame| frame.plan.clone()).collect();
    let count = plans.len();
    // Each round takes one part out of the plans and appends it to them: a part of a part is found in a later round.
    let mut parts: Vec<Part> = Vec::new();
    while let Some(shared) = largest_shared(&plans)? {
        let part = Part::new(Frame::new(first.context.clone(), shared))?;
        plans = plans
            .into_iter()
            .map(|plan| replace(plan, &part.frame.plan, &part.stand_in.plan))
            .collect::<Result<_, _>>()?;
        plans.push(part.frame.plan.clone());
        parts.push(part);
    }
    for (number, part) in parts.iter().enumerate().rev() {
        let at = count + number;
        let (readers, whole) = plans.split_at_mut(at);
        let computed = part.compute(&whole[0], readers).await?;
        for reader in readers.iter_mut() {
            *reader = replace(reader.clone(), &part.stand_in.plan, &computed.plan)?;
        }
    }
    plans.truncate(count);
    drop(parts);
    let mut results = Vec::with_capacity(count);
    // Each plan is dropped when it has run, and with the last reader the computed part.
    for (plan, frame) in plans.into_iter().zip(frames) {
        results.push(Frame::new(frame.context, plan).compute().await?);
    }
    Ok(results)
}

/// A part of several plans: what it is, and what stands in the plans for it until it is computed.
struct Part {
    frame: Frame,
    names: Vec<String>,
    table: Arc<dyn TableProvider>,
    stand_in: Frame,
}

impl Part {
    fn new(frame: Frame) -> Result<Self> {
        let (_, names) = frame.with_unique_names()?;
        let table: Arc<dyn TableProvider> = Arc::new(EmptyTable::new(frame.schema_of(&names)));
        let stand_in = frame.over(Arc::clone(&table), &names)?;
        Ok(Self { frame, names, table, stand_in })
    }

    /// Computes `plan`, which is this part, for its readers, and gives the frame over it. What its own parts are is
    /// already in `plan`.
    async fn compute(&self, plan: &LogicalPlan, readers: &[LogicalPlan]) -> Result<Frame> {
        let needed = self.needed(readers)?;
        let part = Frame::new(self.frame.context.clone(), plan.clone());
        let (named, _) = part.with_unique_names()?;
        let pruned = match needed.len() == self.names.len() {
            true => named,
            false => {
                let qualified = named.schema().columns();
                let columns = needed.iter().map(|column| Expr::Column(qualified[*column].clone()));
                LogicalPlanBuilder::from(named).project(columns)?.build()?
            }
        };
        let pruned = Frame::new(part.context.clone(), pruned);
        self.frame.over(pruned.stored(NAME).await?, &self.names)
    }

    /// The columns that the readers need once the optimizer has seen them: one at least.
    fn needed(&self, readers: &[LogicalPlan]) -> Result<BTreeSet<usize>> {
        let state = self.frame.context.session().state();
        let mut needed = BTreeSet::new();
        for reader in readers {
            state.optimize(reader)?.apply_with_subqueries(|node| {
                if let LogicalPlan::TableScan(scan) = node
                    && source_as_provider(&scan.source).is_ok_and(|table| self.is_table(&table))
                {
                    match &scan.projection {
                        Some(columns) => needed.extend(columns),
                        None => needed.extend(0..self.names.len()),
                    }
                    let filtered = scan.filters.iter().flat_map(|filter| filter.column_refs().into_iter().cloned());
                    let schema = self.table.schema();
                    needed.extend(filtered.filter_map(|column| schema.index_of(&column.name).ok()));
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        if needed.is_empty() && !self.names.is_empty() {
            needed.insert(0);
        }
        Ok(needed)
    }

    fn is_table(&self, table: &Arc<dyn TableProvider>) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(table), Arc::as_ptr(&self.table))
    }
}
