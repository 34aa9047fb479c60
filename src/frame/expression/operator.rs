//! Arithmetic, comparison and logic.

use std::ops;

use datafusion::logical_expr::{self as engine, Expr as Engine};

use super::{Expr, engines};
use crate::frame::Frame;

macro_rules! arithmetic {
    ($($operator:ident $method:ident),*) => {$(
        impl<T: Into<Expr>> ops::$operator<T> for Expr {
            type Output = Expr;
            fn $method(self, other: T) -> Expr {
                Expr(ops::$operator::$method(self.0, other.into().0))
            }
        }
        // One type of whole numbers and one of others: with two, Rust would not know which one `1 - col("x")` has.
        arithmetic!(left $operator $method: i64, f64);
    )*};
    (left $operator:ident $method:ident: $($number:ty),*) => {$(
        impl ops::$operator<Expr> for $number {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                ops::$operator::$method(Expr::from(self), other)
            }
        }
    )*};
}
arithmetic!(Add add, Sub sub, Mul mul, Div div, Rem rem);

impl ops::Neg for Expr {
    type Output = Expr;

    fn neg(self) -> Expr {
        Expr(-self.0)
    }
}

/// Both hold; the same as [`Expr::and`]. Rust wants brackets around comparisons only where it cannot read them.
impl<T: Into<Expr>> ops::BitAnd<T> for Expr {
    type Output = Expr;

    fn bitand(self, other: T) -> Expr {
        self.and(other)
    }
}

/// Either holds; the same as [`Expr::or`].
impl<T: Into<Expr>> ops::BitOr<T> for Expr {
    type Output = Expr;

    fn bitor(self, other: T) -> Expr {
        self.or(other)
    }
}

/// It does not hold. NOT IN, NOT LIKE, NOT BETWEEN and IS NOT NULL are said this way too.
impl ops::Not for Expr {
    type Output = Expr;

    fn not(self) -> Expr {
        Expr(match self.0 {
            Engine::IsNull(inner) => Engine::IsNotNull(inner),
            Engine::IsNotNull(inner) => Engine::IsNull(inner),
            Engine::Between(between) => Engine::Between(engine::Between { negated: !between.negated, ..between }),
            other => !other,
        })
    }
}

/// Comparison and logic. NULL on either side gives NULL, as in SQL, and a filter takes NULL for false.
///
/// The example of [`Expr`] shows them.
impl Expr {
    /// Equal.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").eq(7))?.count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn eq(self, other: impl Into<Self>) -> Self {
        Self(self.0.eq(other.into().0))
    }

    /// Not equal.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").not_eq(7))?.count().await?, 9);
    /// # Ok(()) }
    /// ```
    pub fn not_eq(self, other: impl Into<Self>) -> Self {
        Self(self.0.not_eq(other.into().0))
    }

    /// Greater.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").gt(7))?.count().await?, 2);
    /// # Ok(()) }
    /// ```
    pub fn gt(self, other: impl Into<Self>) -> Self {
        Self(self.0.gt(other.into().0))
    }

    /// Greater or equal.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").gt_eq(7))?.count().await?, 3);
    /// # Ok(()) }
    /// ```
    pub fn gt_eq(self, other: impl Into<Self>) -> Self {
        Self(self.0.gt_eq(other.into().0))
    }

    /// Less.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").lt(7))?.count().await?, 7);
    /// # Ok(()) }
    /// ```
    pub fn lt(self, other: impl Into<Self>) -> Self {
        Self(self.0.lt(other.into().0))
    }

    /// Less or equal.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").lt_eq(7))?.count().await?, 8);
    /// # Ok(()) }
    /// ```
    pub fn lt_eq(self, other: impl Into<Self>) -> Self {
        Self(self.0.lt_eq(other.into().0))
    }

    /// At least `low` and at most `high`.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").between(2, 4))?.count().await?, 3);
    /// # Ok(()) }
    /// ```
    pub fn between(self, low: impl Into<Self>, high: impl Into<Self>) -> Self {
        Self(self.0.between(low.into().0, high.into().0))
    }

    /// One of these values.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").is_in([2, 4, 60]))?.count().await?, 2);
    /// # Ok(()) }
    /// ```
    pub fn is_in<T: Into<Self>>(self, values: impl IntoIterator<Item = T>) -> Self {
        let values = engines(values.into_iter().map(Into::into));
        if values.is_empty() { Self::from(false) } else { Self(self.0.in_list(values, false)) }
    }

    /// One of the values of a frame of one column: SQL's `x IN (SELECT …)`. A frame of several is an error of the call that
    /// uses this.
    ///
    /// `!x.is_in_frame(…)` is SQL's NOT IN: it holds for no row where the frame has a NULL. [`Join::anti`] does not mind.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// use partita::prelude::*;
    /// let ctx = Context::builder().build()?;
    /// let even = ctx.range(0..10)?.filter((col("value") % 2).eq(0))?;
    /// let odd = ctx.range(0..10)?.filter(!col("value").is_in_frame(&even))?;
    /// assert_eq!(odd.compute().await?.iter().map(|batch| batch.num_rows()).sum::<usize>(), 5);
    /// # Ok(()) }
    /// ```
    ///
    /// [`Join::anti`]: crate::Join::anti
    pub fn is_in_frame(self, frame: &Frame) -> Self {
        Self(engine::in_subquery(self.0, frame.shared_plan()))
    }

    /// NULL.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES (1), (NULL), (3)) AS t (n)").await?;
    /// assert_eq!(frame.filter(col("n").is_null())?.count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn is_null(self) -> Self {
        Self(self.0.is_null())
    }

    /// Not NULL.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES (1), (NULL), (3)) AS t (n)").await?;
    /// assert_eq!(frame.filter(col("n").is_not_null())?.count().await?, 2);
    /// # Ok(()) }
    /// ```
    pub fn is_not_null(self) -> Self {
        Self(self.0.is_not_null())
    }

    /// Both hold.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").gt(2).and(col("value").lt(5)))?.count().await?, 2);
    /// # Ok(()) }
    /// ```
    pub fn and(self, other: impl Into<Self>) -> Self {
        Self(self.0.and(other.into().0))
    }

    /// Either holds.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let numbers = ctx.range(0..10)?;
    /// assert_eq!(numbers.filter(col("value").lt(1).or(col("value").gt(8)))?.count().await?, 2);
    /// # Ok(()) }
    /// ```
    pub fn or(self, other: impl Into<Self>) -> Self {
        Self(self.0.or(other.into().0))
    }

    /// Matches a pattern where `%` is any text and `_` any character.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES ('Ada'), ('Grace')) AS t (name)").await?;
    /// assert_eq!(frame.filter(col("name").like("A%"))?.count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn like(self, pattern: impl Into<Self>) -> Self {
        Self(self.0.like(pattern.into().0))
    }

    /// Matches a pattern as for [`like`](Self::like), capitals or not.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # let ctx = Context::builder().build()?;
    /// let frame = ctx.sql("SELECT * FROM (VALUES ('Ada'), ('Grace')) AS t (name)").await?;
    /// assert_eq!(frame.filter(col("name").ilike("a%"))?.count().await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn ilike(self, pattern: impl Into<Self>) -> Self {
        Self(self.0.ilike(pattern.into().0))
    }
}
