//! Functions written in Rust: closures over the values of a row, over whole columns, over the rows of a group.

mod aggregate;
mod argument;
mod column;
mod decimal;
mod fields;
mod list;
mod output;
mod row;
mod state;
mod temporal;
mod text;
mod update;

pub use aggregate::aggregate_function;
pub use argument::{Argument, Element};
pub use column::{ColumnClosure, column_function};
pub use decimal::Decimal;
pub use fields::Fields;
pub use output::Output;
pub use row::{RowClosure, row_function};
pub use state::AggregateState;
pub use update::UpdateClosure;
