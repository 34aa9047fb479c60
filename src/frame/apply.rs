//! A row function on every row.

use super::Frame;
use super::expression::IntoColumns;
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
    pub fn apply(&self, name: &str, function: &RowFunction, arguments: impl IntoColumns) -> Result<Self> {
        self.with_column(name, function.call(arguments))
    }
}
