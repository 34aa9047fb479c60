//! Values by condition.

use datafusion::logical_expr::{Expr as Engine, expr};

use super::Expr;

/// Begins a choice: the value of the first condition that holds.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let n = || col("value");
/// let size = when(n().lt(2)).then("small").when(n().lt(4)).then("middling").otherwise("large");
/// let only_even = when((n() % 2).eq(0)).then(n()).end();
/// let frame = ctx.range(0..6)?.select([size.alias("size"), only_even.alias("even")])?;
/// assert_eq!(frame.distinct()?.compute().await?.iter().map(|batch| batch.num_rows()).sum::<usize>(), 6);
/// # Ok(()) }
/// ```
pub fn when(condition: impl Into<Expr>) -> When {
    When { branches: Vec::new(), condition: condition.into() }
}

/// A condition that waits for its value; see [`when`].
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT 20 AS delay").await?;
/// let waiting: partita::When = when(col("delay").gt(15));
/// let values: Vec<(String,)> = frame.select(waiting.then("late").end())?.collect_into().await?;
/// assert_eq!(values[0].0, "late");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a condition wants a value: .then(…)"]
pub struct When {
    branches: Vec<(Expr, Expr)>,
    condition: Expr,
}

impl When {
    /// The value where the condition holds.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 4 AS n").await?;
    /// let value = when((col("n") % 2).eq(0)).then(col("n") / 2).otherwise(col("n"));
    /// let values: Vec<(i64,)> = frame.select(value)?.collect_into().await?;
    /// assert_eq!(values, [(2,)]);
    /// # Ok(()) }
    /// ```
    pub fn then(mut self, value: impl Into<Expr>) -> Case {
        self.branches.push((self.condition, value.into()));
        Case { branches: self.branches }
    }
}

/// Conditions with their values; see [`when`].
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT 20 AS delay").await?;
/// let open: partita::Case = when(col("delay").gt(60)).then("very late");
/// let values: Vec<(String,)> = frame.select(open.otherwise("fine"))?.collect_into().await?;
/// assert_eq!(values[0].0, "fine");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a choice is made an expression by .otherwise(…) or .end()"]
pub struct Case {
    branches: Vec<(Expr, Expr)>,
}

impl Case {
    /// Another condition, asked where none before holds.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 3 AS n").await?;
    /// let value = when(col("n").lt(2)).then("few").when(col("n").lt(9)).then("some").end();
    /// let values: Vec<(String,)> = frame.select(value)?.collect_into().await?;
    /// assert_eq!(values[0].0, "some");
    /// # Ok(()) }
    /// ```
    pub fn when(self, condition: impl Into<Expr>) -> When {
        When { branches: self.branches, condition: condition.into() }
    }

    /// The value where no condition holds.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 3 AS n").await?;
    /// let value = when(col("n").lt(2)).then("few").otherwise("many");
    /// let values: Vec<(String,)> = frame.select(value)?.collect_into().await?;
    /// assert_eq!(values[0].0, "many");
    /// # Ok(()) }
    /// ```
    pub fn otherwise(self, value: impl Into<Expr>) -> Expr {
        self.expr(Some(value.into()))
    }

    /// NULL where no condition holds.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT 3 AS n").await?;
    /// let value = when(col("n").lt(2)).then(col("n")).end();
    /// let values: Vec<(Option<i64>,)> = frame.select(value)?.collect_into().await?;
    /// assert_eq!(values, [(None,)]);
    /// # Ok(()) }
    /// ```
    pub fn end(self) -> Expr {
        self.expr(None)
    }

    fn expr(self, otherwise: Option<Expr>) -> Expr {
        let branches = self.branches.into_iter().map(|(when, then)| (Box::new(when.0), Box::new(then.0)));
        let otherwise = otherwise.map(|otherwise| Box::new(otherwise.0));
        Expr(Engine::Case(expr::Case::new(None, branches.collect(), otherwise)))
    }
}
