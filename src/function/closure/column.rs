//! Closures over whole columns.

use std::fmt;

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
        let name = &call.overload.definition.name;
        let result = unpanicked(name, || (self.0)(call.columns, call.rows))?;
        if result.len() != call.rows {
            let (given, rows) = (result.len(), call.rows);
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
