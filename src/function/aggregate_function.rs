//! An aggregate in the program's hand.

use std::fmt;
use std::sync::Arc;

use datafusion::logical_expr::expr::AggregateFunction as Aggregated;
use datafusion::logical_expr::{AggregateUDF, Expr as Engine};

use super::aggregate::Aggregates;
use super::definition::FunctionDefinition;
use super::overload::Overload;
use crate::frame::expression::{Expr, IntoColumns};

/// A function over the rows of a group, made by [`aggregate_function`](crate::aggregate_function). Cheap to clone.
///
/// ```
/// use partita::{aggregate_function, prelude::col};
/// let last = aggregate_function(
///     "last",
///     || None,
///     |state: &mut Option<i64>, value: i64| *state = Some(value),
///     |state, other| *state = other.or(*state),
///     |state| *state,
/// );
/// assert_eq!(last.name(), "last");
/// assert_eq!(last.definition().signature(), "last(bigint) RETURNS bigint");
/// assert_eq!(last.call([col("delay")]).to_string(), "last(delay)");
/// ```
#[derive(Clone)]
pub struct AggregateFunction {
    overload: Arc<Overload>,
    udf: Arc<AggregateUDF>,
}

impl AggregateFunction {
    pub(super) fn of(overload: Overload) -> Self {
        let overload = Arc::new(overload);
        let udf = Aggregates::function(&overload.definition.name, vec![Arc::clone(&overload)]);
        Self { udf: Arc::new(udf), overload }
    }

    pub(crate) fn overload(&self) -> Arc<Overload> {
        Arc::clone(&self.overload)
    }

    /// The name that SQL calls it by.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # let total = aggregate_function(
    /// #     "total", || 0_i64, |sum: &mut i64, n: i64| *sum += n, |sum, other| *sum += other, |sum| *sum,
    /// # );
    /// assert_eq!(total.name(), "total");
    /// ```
    pub fn name(&self) -> &str {
        self.udf.name()
    }

    /// The function as plain data.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # let total = aggregate_function(
    /// #     "total", || 0_i64, |sum: &mut i64, n: i64| *sum += n, |sum, other| *sum += other, |sum| *sum,
    /// # );
    /// assert!(total.definition().aggregate);
    /// assert_eq!(total.definition().returns, "bigint");
    /// ```
    pub fn definition(&self) -> &FunctionDefinition {
        &self.overload.definition
    }

    /// A call of it, for a grouping or a window.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # use partita::prelude::*;
    /// # let ctx = Context::builder().build()?;
    /// # let total = aggregate_function(
    /// #     "total", || 0_i64, |sum: &mut i64, n: i64| *sum += n, |sum, other| *sum += other, |sum| *sum,
    /// # );
    /// let all = ctx.range(0..5)?.agg([total.call([col("value")])])?;
    /// assert_eq!(all.collect_into::<(i64,)>().await?, [(10,)]);
    /// # Ok(()) }
    /// ```
    pub fn call(&self, arguments: impl IntoColumns) -> Expr {
        let arguments = arguments.into_columns().into_iter().map(Into::into).collect();
        let call = Aggregated::new_udf(Arc::clone(&self.udf), arguments, false, None, vec![], None);
        Engine::AggregateFunction(call).into()
    }
}

impl fmt::Debug for AggregateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.definition().signature())
    }
}
