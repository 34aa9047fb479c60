//! The functions of a context: registered, listed, made and dropped.

use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};

use super::aggregate_function::AggregateFunction;
use super::create::{create, drop_functions};
use super::definition::FunctionDefinition;
use super::registry::IfThere;
use super::row_function::RowFunction;
use super::show::{describe_function, show_functions};
use crate::context::Context;
use crate::error::Result;
use crate::sql::{FunctionStatement, Piece, normal};

impl Context {
    /// Makes a function of the program callable from SQL, by its name in small letters, in place of one with the same
    /// types of arguments. See [`row_function`](crate::row_function) for an example.
    ///
    /// Errors: a name that is a function of the engine or an aggregate.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # use partita::prelude::*;
    /// # let ctx = Context::builder().build()?;
    /// ctx.register_function(&row_function("twice", |n: i64| 2 * n))?;
    /// let rows: Vec<(i64,)> = ctx.sql("SELECT twice(21)").await?.collect_into().await?;
    /// assert_eq!(rows, [(42,)]);
    /// # Ok(()) }
    /// ```
    pub fn register_function(&self, function: &RowFunction) -> Result<()> {
        function
            .overloads()
            .try_for_each(|overload| self.catalog_functions().add(overload, IfThere::Replace, self.session()))
    }

    /// Makes an aggregate of the program callable from SQL. See [`aggregate_function`](crate::aggregate_function) for
    /// an example.
    ///
    /// Errors: a name that is a function of the engine or one of a row.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # use partita::prelude::*;
    /// # let ctx = Context::builder().build()?;
    /// # let total = aggregate_function(
    /// #     "total", || 0_i64, |sum: &mut i64, n: i64| *sum += n, |sum, other| *sum += other, |sum| *sum,
    /// # );
    /// ctx.register_aggregate(&total)?;
    /// let rows: Vec<(i64,)> = ctx.sql("SELECT total(value) FROM generate_series(1, 4)").await?.collect_into().await?;
    /// assert_eq!(rows, [(10,)]);
    /// # Ok(()) }
    /// ```
    pub fn register_aggregate(&self, function: &AggregateFunction) -> Result<()> {
        self.catalog_functions().add(function.overload(), IfThere::Replace, self.session())
    }

    /// A function of the catalog, whatever it is written in, for [`Frame::apply`](crate::Frame::apply).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// use partita::prelude::*;
    /// let ctx = Context::builder().build()?;
    /// ctx.sql("CREATE FUNCTION twice(n BIGINT) RETURNS BIGINT RETURN 2 * n").await?;
    /// let frame = ctx.sql("SELECT 21 AS n").await?.apply("answer", &ctx.function("twice")?, [col("n")])?;
    /// assert_eq!(frame.schema().field(1).name(), "answer");
    /// # Ok(()) }
    /// ```
    ///
    /// Errors: there is none, with the nearest name.
    pub fn function(&self, name: &str) -> Result<RowFunction> {
        self.catalog_functions().row_function(name)
    }

    /// The functions that people made, as plain data, by name; see [`FunctionDefinition`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = partita::Context::builder().build()?;
    /// ctx.sql("CREATE FUNCTION twice(n BIGINT) RETURNS BIGINT RETURN 2 * n").await?;
    /// assert_eq!(ctx.functions()[0].signature(), "twice(n bigint) RETURNS bigint");
    /// # Ok(()) }
    /// ```
    pub fn functions(&self) -> Vec<FunctionDefinition> {
        self.catalog_functions().definitions()
    }

    /// Carries out a statement on functions and gives the plan of its result.
    pub(crate) async fn plan_function(&self, statement: FunctionStatement, piece: &Piece<'_>) -> Result<LogicalPlan> {
        let plan = match statement {
            FunctionStatement::Show(filter) => show_functions(self.catalog_functions(), filter.as_deref()),
            FunctionStatement::Describe(name) => describe_function(self.catalog_functions(), &normal(&name)),
            FunctionStatement::Create(made) => match create(*made, piece, self).await {
                Ok(()) => Ok(LogicalPlanBuilder::empty(false).build()?),
                Err(error) => Err(error),
            },
            FunctionStatement::Drop(drop) => match drop_functions(drop, self).await {
                Ok(()) => Ok(LogicalPlanBuilder::empty(false).build()?),
                Err(error) => Err(error),
            },
        };
        plan.map_err(|error| error.at_if_none(piece.start()))
    }
}
