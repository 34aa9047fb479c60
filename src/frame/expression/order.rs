//! The order of rows.

use datafusion::logical_expr::SortExpr;

use super::{Expr, IntoColumn};

/// An expression to sort by, with its direction.
///
/// As in SQL here, NULL counts as the greatest value: last when ascending, first when descending.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let frame = ctx.sql("SELECT * FROM (VALUES (1, 'x'), (NULL, 'y'), (3, 'x')) AS t (n, t)").await?;
/// let sorted = frame.sort([col("t").ascending().nulls_first(), col("n").descending().nulls_last()])?;
/// assert_eq!(sorted.compute().await?[0].num_rows(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order(pub(in crate::frame) SortExpr);

impl Order {
    /// NULL before all values.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES (1), (NULL), (3)) AS t (n)").await?;
    /// let values: Vec<(Option<i64>,)> = frame.sort(col("n").ascending().nulls_first())?.collect_into().await?;
    /// assert_eq!(values, [(None,), (Some(1),), (Some(3),)]);
    /// # Ok(()) }
    /// ```
    pub fn nulls_first(self) -> Self {
        Self(SortExpr { nulls_first: true, ..self.0 })
    }

    /// NULL behind all values.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES (1), (NULL), (3)) AS t (n)").await?;
    /// let values: Vec<(Option<i64>,)> = frame.sort(col("n").descending().nulls_last())?.collect_into().await?;
    /// assert_eq!(values, [(Some(3),), (Some(1),), (None,)]);
    /// # Ok(()) }
    /// ```
    pub fn nulls_last(self) -> Self {
        Self(SortExpr { nulls_first: false, ..self.0 })
    }
}

/// Directions; see [`Order`].
impl Expr {
    /// From the least to the greatest, NULL last.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES (2), (1), (3)) AS t (n)").await?;
    /// let values: Vec<(i64,)> = frame.sort(col("n").ascending())?.collect_into().await?;
    /// assert_eq!(values, [(1,), (2,), (3,)]);
    /// # Ok(()) }
    /// ```
    pub fn ascending(self) -> Order {
        Order(self.0.sort(true, false))
    }

    /// From the greatest to the least, NULL first.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES (2), (1), (3)) AS t (n)").await?;
    /// let values: Vec<(i64,)> = frame.sort(col("n").descending())?.collect_into().await?;
    /// assert_eq!(values, [(3,), (2,), (1,)]);
    /// # Ok(()) }
    /// ```
    pub fn descending(self) -> Order {
        Order(self.0.sort(false, true))
    }
}

/// What rows can be ordered by: a name or an expression, ascending, or an [`Order`].
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// fn top(frame: &Frame, by: impl IntoOrder) -> partita::Result<Frame> {
///     frame.sort(by.into_order())?.limit(1)
/// }
/// let values: Vec<(i64,)> = top(&ctx.range(0..5)?, col("value").descending())?.collect_into().await?;
/// assert_eq!(values, [(4,)]);
/// # Ok(()) }
/// ```
pub trait IntoOrder {
    /// The order.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// assert_eq!("a".into_order(), col("a").ascending());
    /// ```
    fn into_order(self) -> Order;
}

impl IntoOrder for Order {
    fn into_order(self) -> Order {
        self
    }
}

macro_rules! ascending {
    ($($column:ty),*) => {$(
        impl IntoOrder for $column {
            fn into_order(self) -> Order {
                self.into_column().ascending()
            }
        }
        impl IntoOrders for $column {
            fn into_orders(self) -> Vec<Order> {
                vec![self.into_order()]
            }
        }
    )*};
}
ascending!(Expr, &str, String, &String);

/// Several of them: an array or a vector, one alone, or `()` for none.
///
/// ```
/// use partita::prelude::*;
/// assert_eq!(["a", "b"].into_orders(), [col("a").ascending(), col("b").into_order()]);
/// assert!(().into_orders().is_empty());
/// ```
pub trait IntoOrders {
    /// The orders, the first one first.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// assert_eq!("a".into_orders(), [col("a").ascending()]);
    /// ```
    fn into_orders(self) -> Vec<Order>;
}

impl IntoOrders for () {
    fn into_orders(self) -> Vec<Order> {
        Vec::new()
    }
}

impl IntoOrders for Order {
    fn into_orders(self) -> Vec<Order> {
        vec![self]
    }
}

impl<T: IntoOrder, const N: usize> IntoOrders for [T; N] {
    fn into_orders(self) -> Vec<Order> {
        self.into_iter().map(T::into_order).collect()
    }
}

impl<T: IntoOrder> IntoOrders for Vec<T> {
    fn into_orders(self) -> Vec<Order> {
        self.into_iter().map(T::into_order).collect()
    }
}

/// The engine's sort expressions.
pub(in crate::frame) fn sorts(orders: impl IntoOrders) -> Vec<SortExpr> {
    orders.into_orders().into_iter().map(|order| order.0).collect()
}
