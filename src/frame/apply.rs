//! A row function on every row.

use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlanBuilder};

use super::Frame;
use crate::error::Result;
use crate::function::RowFunction;

impl Frame {
    /// The same rows with a column `name` more, which `function` gives for each row's `arguments`; one of that name is
    /// replaced. What pandas and Dask call `apply(axis=1)`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// use partita::prelude::*;
    /// let ctx = Context::builder().build()?;
    /// let speed = row_function("speed", |miles: f64, minutes: Option<i64>| minutes.map(|m| miles / m as f64 * 60.0));
    /// let flights = ctx.sql("SELECT * FROM (VALUES (500.0, 60), (300.0, NULL)) AS t(miles, minutes)").await?;
    /// let fast = flights.apply("speed", &speed, [col("miles"), col("minutes")])?;
    /// assert_eq!(fast.compute().await?[0].num_columns(), 3);
    /// assert!(flights.apply("speed", &speed, [col("miles"), lit("an hour")]).is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// Errors: arguments of other types than the function takes, columns that are not there.
    pub fn apply(&self, name: &str, function: &RowFunction, arguments: impl IntoIterator<Item = Expr>) -> Result<Self> {
        let schema = self.plan.schema();
        let call = function.call(arguments);
        call.get_type(schema)?;
        let mut columns: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
        let column = call.alias(name);
        match schema.fields().iter().position(|field| field.name() == name) {
            Some(at) => columns[at] = column,
            None => columns.push(column),
        }
        let plan = LogicalPlanBuilder::from(self.plan.clone()).project(columns)?.build()?;
        Ok(Self::new(self.context.clone(), plan))
    }
}
