//! What may stand where columns are asked for.

use super::{Expr, col};

/// One column, by name or as an expression. Text is a name here, never a literal.
///
/// See [`IntoColumns`] for an example.
///
/// ```
/// # use partita::prelude::*;
/// fn share(column: impl IntoColumn) -> Expr {
///     let column = column.into_column();
///     column.clone() / sum(column).over((), ())
/// }
/// assert_eq!(share("a"), share(col("a")));
/// ```
pub trait IntoColumn {
    /// The column as an expression.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// assert_eq!("a".into_column(), col("a"));
    /// ```
    fn into_column(self) -> Expr;
}

impl IntoColumn for Expr {
    fn into_column(self) -> Expr {
        self
    }
}

impl IntoColumn for &Expr {
    fn into_column(self) -> Expr {
        self.clone()
    }
}

macro_rules! name_is_column {
    ($($name:ty),*) => {$(
        impl IntoColumn for $name {
            fn into_column(self) -> Expr {
                col(self)
            }
        }
        impl IntoColumns for $name {
            fn into_columns(self) -> Vec<Expr> {
                vec![col(self)]
            }
        }
    )*};
}
name_is_column!(&str, String, &String);

/// Several columns: an array, a vector or a slice of names or expressions, one alone, or `()` for none.
///
/// ```
/// use partita::prelude::*;
/// let columns = [["a", "b"].into_columns(), vec![col("a"), col("b")].into_columns()];
/// assert_eq!(columns[0], columns[1]);
/// assert_eq!("a".into_columns(), [col("a").into_column()]);
/// assert!(().into_columns().is_empty());
/// ```
pub trait IntoColumns {
    /// The columns as expressions.
    ///
    /// ```
    /// # use partita::prelude::*;
    /// assert_eq!(["a", "b"].into_columns(), [col("a"), col("b")]);
    /// ```
    fn into_columns(self) -> Vec<Expr>;
}

impl IntoColumns for () {
    fn into_columns(self) -> Vec<Expr> {
        Vec::new()
    }
}

impl IntoColumns for Expr {
    fn into_columns(self) -> Vec<Expr> {
        vec![self]
    }
}

impl<T: IntoColumn, const N: usize> IntoColumns for [T; N] {
    fn into_columns(self) -> Vec<Expr> {
        self.into_iter().map(T::into_column).collect()
    }
}

impl<T: IntoColumn> IntoColumns for Vec<T> {
    fn into_columns(self) -> Vec<Expr> {
        self.into_iter().map(T::into_column).collect()
    }
}

impl<T: IntoColumn + Clone> IntoColumns for &[T] {
    fn into_columns(self) -> Vec<Expr> {
        self.iter().cloned().map(T::into_column).collect()
    }
}
