//! Frames as sets of rows.

use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, Union};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercionRewriter;

use super::Frame;
use crate::error::{Error, Result};

/// Frames of equal columns together. Columns are matched by position, as in SQL; their names are those of the first
/// frame.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// async fn rows(frame: Frame) -> partita::Result<usize> {
///     Ok(frame.compute().await?.iter().map(|batch| batch.num_rows()).sum())
/// }
/// let ctx = Context::builder().build()?;
/// let (a, b) = (ctx.range(0..10)?, ctx.range(5..15)?);
/// assert_eq!(rows(a.union(&b)?).await?, 20);
/// assert_eq!(rows(a.union(&b)?.distinct()?).await?, 15);
/// assert_eq!(rows(a.intersect(&b)?).await?, 5);
/// assert_eq!(rows(a.except(&b)?).await?, 5);
/// let wider = b.with_column("source", "b")?;
/// assert_eq!(a.union_by_name(&wider)?.columns(), ["value", "source"]);
/// assert!(a.union(&wider).is_err());
/// # Ok(()) }
/// ```
impl Frame {
    /// All rows of both, equal ones too: SQL's UNION ALL.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(0..2)?, ctx.range(1..3)?);
    /// assert_eq!(a.union(&b)?.sort("value")?.collect_into::<(i64,)>().await?, [(0,), (1,), (1,), (2,)]);
    /// # Ok(()) }
    /// ```
    pub fn union(&self, other: &Self) -> Result<Self> {
        self.same_width(other)?;
        let plan = LogicalPlanBuilder::from(self.plan.clone()).union(other.plan.clone())?.build()?;
        self.typed(plan)
    }

    /// All rows of both, equal ones too, with columns matched by name; those that one of them lacks are NULL there.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.sql("SELECT 1 AS x").await?, ctx.sql("SELECT 20 AS y, 2 AS x").await?);
    /// let mut both: Vec<(i64, Option<i64>)> = a.union_by_name(&b)?.collect_into().await?;
    /// both.sort();
    /// assert_eq!(both, [(1, None), (2, Some(20))]);
    /// # Ok(()) }
    /// ```
    pub fn union_by_name(&self, other: &Self) -> Result<Self> {
        let plan = LogicalPlanBuilder::from(self.plan.clone()).union_by_name(other.plan.clone())?.build()?;
        self.typed(plan)
    }

    /// The rows that both have, each once; NULL equals NULL.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(0..4)?, ctx.range(2..6)?);
    /// assert_eq!(a.intersect(&b)?.sort("value")?.collect_into::<(i64,)>().await?, [(2,), (3,)]);
    /// # Ok(()) }
    /// ```
    pub fn intersect(&self, other: &Self) -> Result<Self> {
        self.union(other)?;
        Ok(self.with_plan(LogicalPlanBuilder::intersect(self.plan.clone(), other.plan.clone(), false)?))
    }

    /// The rows that the other frame does not have, each once; NULL equals NULL.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let (a, b) = (ctx.range(0..4)?, ctx.range(2..6)?);
    /// assert_eq!(a.except(&b)?.sort("value")?.collect_into::<(i64,)>().await?, [(0,), (1,)]);
    /// # Ok(()) }
    /// ```
    pub fn except(&self, other: &Self) -> Result<Self> {
        self.union(other)?;
        Ok(self.with_plan(LogicalPlanBuilder::except(self.plan.clone(), other.plan.clone(), false)?))
    }

    fn same_width(&self, other: &Self) -> Result<()> {
        let (ours, theirs) = (self.columns(), other.columns());
        if ours.len() == theirs.len() {
            return Ok(());
        }
        let error = Error::user(format!("frames of {} and {} columns do not go together", ours.len(), theirs.len()));
        Err(error.with_hint(format!("they are {} and {}", ours.join(", "), theirs.join(", "))))
    }

    /// The frame of a union whose columns have common types.
    fn typed(&self, plan: LogicalPlan) -> Result<Self> {
        if let LogicalPlan::Union(Union { inputs, .. }) = &plan {
            let schema = inputs.first().unwrap_or(&self.shared_plan()).schema().clone();
            TypeCoercionRewriter::new(&schema).coerce_plan(plan.clone())?;
        }
        Ok(self.with_plan(plan))
    }
}
