//! Row functions, which others call apply: a person's own function over the values of one row.
//!
//! ```text
//! row_function, column_function ─ closure/ ─┐
//! CREATE FUNCTION … LANGUAGE SQL ─ body ────┼─► Overload ─► Functions (the catalog's) ─► one engine function a name
//! CREATE FUNCTION … LANGUAGE PYTHON ─ python/ ┘
//! ```
//!
//! An [`Overload`] is a signature with a way to compute; `signature` decides which one a call means and how its
//! arguments are converted, while the plan is built. A [`FunctionDefinition`] is what of it is plain data.

mod aggregate;
mod aggregate_function;
mod arguments;
mod body;
mod call;
mod closure;
mod context;
mod create;
mod definition;
mod origin;
mod overload;
mod plan_body;
mod python;
mod registry;
mod row_function;
mod scope;
mod show;
mod signature;
mod sliding;

pub(crate) use aggregate::Aggregates;
pub use aggregate_function::AggregateFunction;
pub(crate) use arguments::fill_in;
pub(crate) use body::inline;
pub(crate) use call::Environment;
pub use closure::{
    AggregateState, Argument, ColumnClosure, Decimal, Element, Fields, Output, RowClosure, UpdateClosure,
    aggregate_function, column_function, row_function,
};
pub use definition::{FunctionDefinition, FunctionLimits, Language, NullInput, ParameterDefinition};
pub(crate) use origin::files_of_calls;
pub(crate) use overload::is_user_function;
use plan_body::plan_body;
pub(crate) use python::Workers;
pub(crate) use registry::Functions;
pub use row_function::RowFunction;
pub(crate) use scope::{FunctionSettings, Scope};
