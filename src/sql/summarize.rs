//! `SUMMARIZE`: one row a column, with what a person wants to know of data that is new to them.
//!
//! ```text
//! Unnest: column_name, column_type, min, max, …            one row a column
//!   Projection: [name₁, name₂ …], [min₁, min₂ …], …        one array a statistic
//!     Aggregate: min(c₁), max(c₁), …, min(c₂), …           one row, one pass over the data
//! ```

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, UnnestOptions};
use datafusion::functions::math::expr_fn::round;
use datafusion::functions_aggregate::expr_fn::{approx_distinct, approx_percentile_cont, avg, count, max, min, stddev};
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::utils::find_aggregate_exprs;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};
use datafusion::scalar::ScalarValue;

use crate::error::{Error, Result};
use crate::sink::sql_type;

/// One statistic: its name in the result, and how it is computed of one column; `None` where its type has none.
type Statistic = (&'static str, fn(&Expr, &DataType) -> Option<Expr>);

const STATISTICS: [Statistic; 10] = [
    ("min", |column, kind| is_ordered(kind).then(|| text(min(column.clone())))),
    ("max", |column, kind| is_ordered(kind).then(|| text(max(column.clone())))),
    ("approx_unique", |column, kind| (!matches!(kind, DataType::Null)).then(|| distinct(column, kind))),
    ("avg", |column, kind| kind.is_numeric().then(|| avg(double(column.clone())))),
    ("std", |column, kind| kind.is_numeric().then(|| stddev(double(column.clone())))),
    ("q25", |column, kind| quartile(column, kind, 0.25)),
    ("q50", |column, kind| quartile(column, kind, 0.5)),
    ("q75", |column, kind| quartile(column, kind, 0.75)),
    ("count", |_, _| Some(cast(count(lit(1)), DataType::Int64))),
    ("nulls", |column, _| Some(cast(count(lit(1)) - count(column.clone()), DataType::Int64))),
];

/// The plan whose rows are the statistics of the columns of `input`. It reads the input once and holds sketches:
/// `approx_unique` is a HyperLogLog estimate, the quartiles are t-digest estimates.
pub(crate) fn summarize(input: LogicalPlan) -> Result<LogicalPlan> {
    let columns: Vec<(Expr, DataType, String)> = input
        .schema()
        .iter()
        .map(|(qualifier, field)| {
            let column = Column::new(qualifier.cloned(), field.name());
            (Expr::Column(column), field.data_type().clone(), field.name().clone())
        })
        .collect();
    if columns.is_empty() {
        return Err(Error::user("there are no columns to summarize"));
    }
    let mut statistics = vec![
        ("column_name".to_string(), columns.iter().map(|(_, _, name)| lit(name.as_str())).collect()),
        ("column_type".to_string(), columns.iter().map(|(_, kind, _)| lit(sql_type(kind))).collect()),
    ];
    statistics.extend(STATISTICS.iter().map(|(name, statistic)| {
        let of = |(column, kind, _): &(Expr, DataType, String)| statistic(column, kind).unwrap_or(NOTHING);
        (name.to_string(), columns.iter().map(of).collect())
    }));
    row_per_column(input, statistics)
}

/// The plan of one aggregation of `input` whose only row is stood up: each of `columns` has a name and, from the first
/// row to the last, its values.
pub(crate) fn row_per_column(input: LogicalPlan, columns: Vec<(String, Vec<Expr>)>) -> Result<LogicalPlan> {
    let arrays: Vec<Expr> = columns.iter().map(|(name, values)| make_array(values.clone()).alias(name)).collect();
    let names = columns.into_iter().map(|(name, _)| Column::from_name(name)).collect();
    // The projection finds the aggregates inside its expressions among the columns of the aggregate below it.
    let plan = LogicalPlanBuilder::from(input)
        .aggregate(Vec::<Expr>::new(), find_aggregate_exprs(&arrays))?
        .project(arrays)?
        .unnest_columns_with_options(names, UnnestOptions::default())?;
    Ok(plan.build()?)
}

const NOTHING: Expr = Expr::Literal(ScalarValue::Null, None);

/// Types with an order that min and max know.
fn is_ordered(kind: &DataType) -> bool {
    !kind.is_nested() && !matches!(kind, DataType::Null)
}

fn text(expr: Expr) -> Expr {
    cast(expr, DataType::Utf8)
}

fn double(expr: Expr) -> Expr {
    cast(expr, DataType::Float64)
}

/// The sketch of distinct values hashes whole numbers, text and times; other values are hashed by their text.
fn distinct(column: &Expr, kind: &DataType) -> Expr {
    let hashed = if kind.is_floating() { text(column.clone()) } else { column.clone() };
    cast(approx_distinct(hashed), DataType::Int64)
}

/// The quartile as text: of the column's own type, so that those of dates are dates.
fn quartile(column: &Expr, kind: &DataType, share: f64) -> Option<Expr> {
    let number = |expr: Expr| approx_percentile_cont(expr.sort(true, false), lit(share), None);
    if kind.is_floating() {
        return Some(text(number(double(column.clone()))));
    }
    if kind.is_numeric() {
        return Some(text(cast(round(vec![number(double(column.clone()))]), whole_or_exact(kind))));
    }
    // Days fit 32 bits, instants 64; both pass through the number that counts them.
    let count = match kind {
        DataType::Date32 => DataType::Int32,
        DataType::Date64 | DataType::Timestamp(..) => DataType::Int64,
        _ => return None,
    };
    let counted = double(cast(column.clone(), count.clone()));
    Some(text(cast(cast(round(vec![number(counted)]), count), kind.clone())))
}

/// Decimals keep their digits, whole numbers stay whole.
fn whole_or_exact(kind: &DataType) -> DataType {
    if kind.is_integer() { DataType::Int64 } else { DataType::Float64 }
}
