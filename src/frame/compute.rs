//! Running a frame for its rows.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use futures::TryStreamExt;

use super::Frame;
use crate::error::{Error, Result};

impl Frame {
    /// Runs the frame for the number of its rows; columns that do not matter for it are not read.
    pub async fn count(&self) -> Result<u64> {
        let plan = LogicalPlanBuilder::from(self.plan.clone()).aggregate(Vec::<Expr>::new(), [count(lit(1))])?.build()?;
        let batches: Vec<_> = Frame::new(self.context.clone(), plan).run().await?.try_collect().await?;
        let counts = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        u64::try_from(counts.sum::<i64>()).map_err(|_| Error::internal("a count is below zero"))
    }
}
