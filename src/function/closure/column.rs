//! Closures over whole columns.

use std::fmt;
use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::DataType;

use super::row::{overload, unpanicked};
use crate::error::{Error, Result};
use crate::function::RowFunction;
use crate::function::call::Call;
use crate::function::overload::Columns;

/// A closure that [`column_function`] takes.
///
/// ```
/// fn is_closure(_: impl partita::ColumnClosure) {}
/// is_closure(|columns: &[datafusion::arrow::array::ArrayRef], _rows| Ok(columns[0].clone()));
/// ```
pub trait ColumnClosure: Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync + 'static {}

impl<F: Fn(&[ArrayRef], usize) -> Result<ArrayRef> + Send + Sync + 'static> ColumnClosure for F {}

/// A function of whole columns, called `name` in SQL: the closure is given the arguments as Arrow arrays of these types
/// and of one length, at most a batch (8,192 rows) at a time, with that length, and gives an array as long. NULLs are
/// its own affair.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use datafusion::arrow::{compute::kernels::numeric::add, datatypes::DataType};
/// use partita::prelude::*;
/// let ctx = Context::builder().build()?;
/// let plus = column_function("plus", [DataType::Int64, DataType::Int64], DataType::Int64, |columns, _rows| {
///     Ok(add(&columns[0], &columns[1])?)
/// });
/// ctx.register_function(&plus)?;
/// assert_eq!(ctx.sql("SELECT plus(20, 22)").await?.compute().await?[0].num_rows(), 1);
/// # Ok(()) }
/// ```
pub fn column_function(
    name: &str,
    parameters: impl IntoIterator<Item = DataType>,
    returns: DataType,
    closure: impl ColumnClosure,
) -> RowFunction {
    let parameters = parameters.into_iter().map(Some).collect();
    RowFunction::of(overload(name, parameters, returns, Closure(closure)))
}

struct Closure<F>(F);

impl<F> fmt::Debug for Closure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closure")
    }
}

impl<F: ColumnClosure> Columns for Closure<F> {
    fn call(&self, call: &Call<'_>) -> Result<ArrayRef> {
        self.part(call, 0..call.rows, call.rows_before())
    }
}

impl<F: ColumnClosure> Closure<F> {
    fn part(&self, call: &Call<'_>, part: Range<usize>, before: u64) -> Result<ArrayRef> {
        let name = &call.overload.definition.name;
        let (start, rows) = (part.start, part.len());
        let columns: Vec<_> = call.columns.iter().map(|column| column.slice(start, rows)).collect();
        let result = match unpanicked(name, || (self.0)(&columns, rows)) {
            Err(_) if call.failures_are_null() => return call.by_halves(part, &|half| self.part(call, half, before)),
            Err(error) if error.is_cancelled() => return Err(error),
            result => result.map_err(|error| call.batch_error(error.message(), before).with_source(error))?,
        };
        if result.len() != rows {
            let given = result.len();
            return Err(Error::data(format!("function '{name}' gave {given} values for {rows} rows")));
        }
        let wanted = &call.overload.returns;
        if result.data_type() == wanted {
            return Ok(result);
        }
        // Views and dictionaries for plain text, and the like.
        let given = result.data_type().clone();
        cast_with_options(&result, wanted, &CastOptions { safe: false, ..CastOptions::default() })
            .map_err(|error| Error::data(format!("function '{name}' gave {given} and not {wanted}")).with_source(error))
    }
}
