//! SQL and dataframes over partitioned data that is larger than memory, inside a memory limit that is kept.
//!
//! # The life of a query
//!
//! ```text
//! SQL text ─ sql/ ──┐
//!                   ├─► logical plan ─ plan/ ─► physical plan ─ operator/ ─► batches ─ sink/ ─► terminal, file, Rust
//! frame calls ─ frame/ ┘     ▲                   ▲              │
//!              source/, function/ (what it names)   └─ memory/ (what it may hold) ─► spill files
//! ```
//!
//! 1. [`Context::sql`] takes one statement. [`sql::split`] cuts it out of its script with its exact span, and
//!    `sql::parse` makes it a statement of the engine or one of our own.
//! 2. `sql::normalize` says it in the engine's words, [`sql::Parameters`] fill in its `$names`, and `source::resolve`
//!    makes the tables that are named by path or by `read_csv(…)`.
//! 3. The engine plans it, with the functions that people made, from `function/`: a [`Frame`] is that logical plan with
//!    its context. Nothing has run.
//! 4. [`Frame::run`] optimizes the plan by the rules of `plan/`, makes it a physical plan, and starts it: a [`Run`] is
//!    a stream of batches with live figures.
//! 5. Operators reserve what they hold from the [`Budget`](memory::Budget) and spill to the context's private folder.
//! 6. `sink/` writes the batches, one at a time, to the terminal or to a file.
//!
//! The shell, the scripts and the Rust API differ only in where words come from and where rows go.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod context;
mod error;
mod frame;
mod function;
pub mod memory;
mod nearest;
mod operator;
mod plan;
mod report;
pub mod script;
pub mod shell;
pub mod sink;
mod source;
pub mod sql;

pub use context::{Context, ContextBuilder};
pub use error::{Error, Result, Span};
pub use frame::expression::{
    self, Case, Expr, IntoColumn, IntoColumns, IntoOrder, IntoOrders, List, Order, Text, Time, When,
};
pub use frame::{AsOf, Frame, GroupBy, Join, On, Times, Write, compute_all};
pub use function::{
    AggregateFunction, AggregateState, Argument, ColumnClosure, Decimal, Element, Fields, FunctionDefinition,
    FunctionLimits, Language, NullInput, Output, ParameterDefinition, RowClosure, RowFunction, UpdateClosure,
    aggregate_function, column_function, row_function,
};
pub use memory::MemoryLimit;
pub use report::{
    Figures, Monitor, OperatorFigures, OperatorReport, Phase, Profile, Report, Run, StatementReport, Watch,
};
pub use source::{OnBadValue, OptionValue, Paths, Source, load_dir};

/// What most programs need: `use partita::prelude::*;`.
pub mod prelude {
    pub use crate::expression::{
        IntoColumn, IntoColumns, IntoOrder, IntoOrders, all_true, any_true, approx_count_distinct, approx_quantile,
        coalesce, col, collect_list, concat, corr, count, count_distinct, count_rows, date, dense_rank, first,
        greatest, interval, join_text, last, least, list_of, lit, max, mean, median, min, ntile, percent_rank,
        quantile, rank, row_number, std, struct_of, sum, timestamp, var, when,
    };
    pub use crate::{AsOf, Context, Error, Expr, Frame, GroupBy, Join, MemoryLimit, Result, Source};
    pub use crate::{aggregate_function, column_function, row_function};
    pub use datafusion::arrow::datatypes::DataType;
}
