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
    pub fn name(&self) -> &str {
        self.udf.name()
    }

    /// The function as plain data.
    pub fn definition(&self) -> &FunctionDefinition {
        &self.overload.definition
    }

    /// A call of it, for a grouping or a window.
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
