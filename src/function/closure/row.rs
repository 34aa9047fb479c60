//! Closures over the values of one row.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;

use super::argument::Argument;
use super::output::{Output, declared};
use crate::error::{Error, Result};
use crate::function::RowFunction;
use crate::function::call::{Call, Failure, all_valid};
use crate::function::definition::{FunctionDefinition, FunctionLimits, Language, NullInput, ParameterDefinition};
use crate::function::overload::{Columns, Compute, Overload, Parameter};
use crate::function::signature::Accepts;

/// A function of a row's values, called `name` in SQL, from a closure of at most 8 arguments.
///
/// The types of its parameters and of its result are the closure's: see [`Argument`](crate::Argument) and
/// [`Output`](crate::Output). A NULL in an argument that is no `Option` gives NULL without a call. What the closure
/// captures stays with it. It is called by several threads at once, once a row.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let steps = 3;
/// let score = row_function("score", move |late: i64, carrier: Option<&str>| -> Result<Option<i64>, String> {
///     match carrier {
///         None => Ok(None),
///         Some("XX") => Err("there is no carrier XX".into()),
///         Some(_) => Ok(Some(late / steps)),
///     }
/// });
/// ctx.register_function(&score)?;
/// assert_eq!(ctx.sql("SELECT score(31, 'UA')").await?.compute().await?[0].num_rows(), 1);
/// let error = ctx.sql("SELECT score(31, 'XX')").await?.compute().await.unwrap_err();
/// assert!(error.message().ends_with("score(31, 'XX'): there is no carrier XX"));
/// assert!(ctx.sql("SELECT score('late', 'UA')").await.is_err(), "types are checked when the plan is built");
/// # Ok(()) }
/// ```
pub fn row_function<M: 'static, F: RowClosure<M>>(name: &str, closure: F) -> RowFunction {
    RowFunction::of(overload(name, F::arguments(), F::result(), Closure { closure, marker: PhantomData }))
}

/// The overload of a closure.
pub(super) fn overload(
    name: &str,
    arguments: Vec<Option<DataType>>,
    returns: DataType,
    columns: impl Columns + 'static,
) -> Overload {
    let accepts: Vec<Accepts> =
        arguments.into_iter().map(|known| known.map_or(Accepts::Nested, Accepts::Type)).collect();
    let definition = FunctionDefinition {
        name: name.to_string(),
        parameters: parameters(&accepts),
        returns: crate::sink::sql_type(&returns),
        language: Language::Rust,
        body: None,
        volatility: if accepts.is_empty() { "VOLATILE" } else { "IMMUTABLE" }.to_string(),
        null_input: NullInput::Called,
        aggregate: false,
        limits: FunctionLimits::default(),
    };
    let parameters = accepts.into_iter().map(|accepts| Parameter { name: String::new(), accepts, default: None });
    Overload {
        definition,
        parameters: parameters.collect(),
        returns,
        compute: Compute::Columns(std::sync::Arc::new(columns)),
    }
}

pub(super) fn parameters(accepts: &[Accepts]) -> Vec<ParameterDefinition> {
    let parameter =
        |accepts: &Accepts| ParameterDefinition { name: String::new(), data_type: accepts.name(), default: None };
    accepts.iter().map(parameter).collect()
}

/// A closure that [`row_function`] takes; `M` is what the compiler finds out about its types.
///
/// ```
/// fn is_closure<M>(_: impl partita::RowClosure<M>) {}
/// is_closure(|late: i64, share: f64| late as f64 * share);
/// ```
pub trait RowClosure<M>: Send + Sync + 'static {
    /// The types of the parameters; none for any struct, map or list.
    fn arguments() -> Vec<Option<DataType>>;

    /// The type of the result.
    fn result() -> DataType;

    /// Calls it with every row of `columns` for which `valid` says so.
    ///
    /// Errors: those of `failed`, which is told of each row that fails and its message, and makes it NULL otherwise.
    fn call_rows(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        data_type: &DataType,
        failed: &mut dyn FnMut(usize, String) -> Result<()>,
    ) -> Result<ArrayRef>;
}

/// Tells how a closure was written, and calls it for values that live as long as a batch.
macro_rules! row_closure {
    ($(($argument:ident, $column:ident, $at:tt)),*) => {
        #[allow(non_snake_case, unused_variables)]
        impl<F, R, $($argument),*> RowClosure<fn($($argument),*) -> R> for F
        where
            F: Send + Sync + 'static,
            R: Output,
            $($argument: Argument,)*
            for<'a> &'a F: Fn($($argument),*) -> R + Fn($($argument::Item<'a>),*) -> R,
        {
            fn arguments() -> Vec<Option<DataType>> {
                vec![$($argument::data_type()),*]
            }

            fn result() -> DataType {
                declared::<R>()
            }

            fn call_rows(
                &self,
                columns: &[ArrayRef],
                rows: usize,
                data_type: &DataType,
                failed: &mut dyn FnMut(usize, String) -> Result<()>,
            ) -> Result<ArrayRef> {
                #[inline(always)]
                #[allow(clippy::too_many_arguments)]
                fn call<R, $($argument),*>(closure: impl Fn($($argument),*) -> R, $($column: $argument),*) -> R {
                    closure($($column),*)
                }
                let given: [bool; row_closure!(@count $($at)*)] = [$($argument::NULLABLE),*];
                let valid = all_valid(columns.iter().zip(given).filter(|(_, null)| !null).map(|(column, _)| column));
                $(let $column = $argument::column(&columns[$at])?;)*
                let mut builder = R::builder(rows);
                for row in 0..rows {
                    if let Some(valid) = &valid && valid.is_null(row) {
                        R::push_null(&mut builder);
                        continue;
                    }
                    let mut attempt = || call(self, $($argument::item(&$column, row)?),*).push(&mut builder);
                    if let Err(message) = attempt() {
                        failed(row, message)?;
                        R::push_null(&mut builder);
                    }
                }
                R::finish(builder, data_type)
            }
        }
    };
    (@count $($at:tt)*) => { 0 $(+ { let _ = $at; 1 })* };
}

row_closure!();
row_closure!((A, a, 0));
row_closure!((A, a, 0), (B, b, 1));
row_closure!((A, a, 0), (B, b, 1), (C, c, 2));
row_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3));
row_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3), (E, e, 4));
row_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3), (E, e, 4), (G, g, 5));
row_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3), (E, e, 4), (G, g, 5), (H, h, 6));
row_closure!((A, a, 0), (B, b, 1), (C, c, 2), (D, d, 3), (E, e, 4), (G, g, 5), (H, h, 6), (I, i, 7));

/// A closure as a function of columns.
struct Closure<F, M> {
    closure: F,
    marker: PhantomData<fn() -> M>,
}

impl<F, M> fmt::Debug for Closure<F, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closure")
    }
}

impl<F: RowClosure<M>, M> Columns for Closure<F, M> {
    fn call(&self, call: &Call<'_>) -> Result<ArrayRef> {
        let before = call.rows_before();
        let (lenient, mut failures) = (call.failures_are_null(), 0);
        let mut failed = |row, message| {
            failures += 1;
            let failure = Failure { row, message, detail: String::new() };
            if lenient { Ok(()) } else { Err(call.error(&failure, before)) }
        };
        let run = || self.closure.call_rows(call.columns, call.rows, &call.overload.returns, &mut failed);
        let result = unpanicked(&call.overload.definition.name, run);
        call.count_failures(failures);
        result
    }
}

/// What `run` gives; a panic inside is an error, so that it ends a query and not the program.
pub(super) fn unpanicked<T>(name: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(Error::data(format!("function '{name}' panicked: {}", message(panic.as_ref())))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
