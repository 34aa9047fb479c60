//! A function in the program's hand.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr as Engine, ScalarUDF, Volatility};

use super::definition::FunctionDefinition;
use super::overload::{Overload, Overloads};
use crate::frame::expression::{Expr, IntoColumns};

/// A function over the values of one row, made by [`row_function`](crate::row_function) or
/// [`column_function`](crate::column_function), or taken from the catalog by
/// [`Context::function`](crate::Context::function). Cheap to clone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let half = row_function("half", |n: i64| n as f64 / 2.0);
/// let frame = ctx.sql("SELECT 3 AS n").await?.apply("h", &half, [col("n")])?;
/// assert_eq!(frame.schema().field(1).data_type().to_string(), "Float64");
/// ctx.register_function(&half)?;
/// assert_eq!(ctx.sql("SELECT half(4)").await?.compute().await?[0].num_rows(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RowFunction {
    pub(super) name: String,
    pub(super) overloads: Vec<Arc<Overload>>,
    udf: Arc<ScalarUDF>,
}

impl RowFunction {
    pub(super) fn new(name: &str, overloads: Vec<Arc<Overload>>) -> Self {
        let udf = Arc::new(Overloads::function(name, overloads.clone()));
        Self { name: name.to_string(), overloads, udf }
    }

    pub(super) fn of(overload: Overload) -> Self {
        Self::new(&overload.definition.name.clone(), vec![Arc::new(overload)])
    }

    pub(crate) fn overloads(&self) -> impl Iterator<Item = Arc<Overload>> + '_ {
        self.overloads.iter().cloned()
    }

    /// The name that SQL calls it by.
    ///
    /// ```
    /// # use partita::row_function;
    /// let twice = row_function("twice", |n: i64| 2 * n);
    /// assert_eq!(twice.name(), "twice");
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The function's overloads as plain data.
    ///
    /// ```
    /// # use partita::row_function;
    /// let twice = row_function("twice", |n: i64| 2 * n);
    /// assert_eq!(twice.definitions()[0].returns, "bigint");
    /// ```
    pub fn definitions(&self) -> Vec<FunctionDefinition> {
        self.overloads.iter().map(|overload| overload.definition.clone()).collect()
    }

    /// A call of it: an expression like any other. Its arguments are checked when a frame takes it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
    /// # use partita::prelude::*;
    /// # let ctx = Context::builder().build()?;
    /// let twice = row_function("twice", |n: i64| 2 * n);
    /// let frame = ctx.range(1..3)?.with_column("twice", twice.call([col("value")]))?;
    /// assert_eq!(frame.collect_into::<(i64, i64)>().await?, [(1, 2), (2, 4)]);
    /// # Ok(()) }
    /// ```
    pub fn call(&self, arguments: impl IntoColumns) -> Expr {
        let arguments = arguments.into_columns().into_iter().map(Into::into).collect();
        Engine::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&self.udf), arguments)).into()
    }

    /// The same function, called anew for every row even where its arguments are equal: it reads a clock, draws a
    /// number, or does something that is seen outside.
    ///
    /// ```
    /// # use partita::row_function;
    /// let same = row_function("same", |n: i64| n).volatile();
    /// assert_eq!(same.definitions()[0].volatility, "VOLATILE");
    /// ```
    pub fn volatile(self) -> Self {
        self.changed(|overload| overload.definition.volatility = Volatility::Volatile.sql().to_string())
    }

    /// The same function with a declared type of its results: needed where [`Fields`](crate::Fields) come out.
    ///
    /// ```
    /// # use datafusion::arrow::datatypes::{DataType, Field};
    /// # use partita::{Fields, row_function};
    /// #[derive(serde::Serialize)]
    /// struct Point { x: i64 }
    /// let fields = vec![Field::new("x", DataType::Int64, true)];
    /// let point = row_function("point", |x: i64| Fields(Point { x })).returning(DataType::Struct(fields.into()));
    /// assert_eq!(point.definitions()[0].returns, "struct(x bigint)");
    /// ```
    pub fn returning(self, data_type: DataType) -> Self {
        self.changed(|overload| {
            overload.definition.returns = crate::sink::sql_type(&data_type);
            overload.returns = data_type.clone();
        })
    }

    fn changed(self, change: impl Fn(&mut Overload)) -> Self {
        let changed = |overload: &Arc<Overload>| {
            let mut overload = Overload {
                definition: overload.definition.clone(),
                parameters: overload.parameters.clone(),
                returns: overload.returns.clone(),
                compute: overload.compute.clone(),
            };
            change(&mut overload);
            Arc::new(overload)
        };
        Self::new(&self.name, self.overloads.iter().map(changed).collect())
    }
}

impl fmt::Debug for RowFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.overloads.iter().map(|overload| overload.definition.signature())).finish()
    }
}

/// Volatility in SQL's words.
pub(super) trait Words {
    fn sql(&self) -> &'static str;
}

impl Words for Volatility {
    fn sql(&self) -> &'static str {
        match self {
            Self::Immutable => "IMMUTABLE",
            Self::Stable => "STABLE",
            Self::Volatile => "VOLATILE",
        }
    }
}
