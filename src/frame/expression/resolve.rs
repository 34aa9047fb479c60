//! From names to the columns of a frame, with all mistakes told at the call.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::logical_expr::utils::find_aggregate_exprs;
use datafusion::logical_expr::{Expr as Engine, ExprSchemable};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercionRewriter;

use super::window::wants_order;
use crate::error::{Error, Result};

/// The expression with the columns of `schema` in the place of names.
///
/// Errors: a name that no column has, with the nearest that one has; a name that two columns have; a window function
/// that wants an order.
pub(in crate::frame) fn resolve(expr: Engine, schema: &DFSchema) -> Result<Engine> {
    let resolved = expr.transform(|node| match node {
        Engine::Column(column) => Ok(Transformed::yes(Engine::Column(find(&column, schema)?))),
        Engine::WindowFunction(function) if wants_order(&function) => {
            let error = Error::user(format!("{} wants an order: rows of a frame have none", function.fun.name()));
            Err(error.with_hint("say .over(partition_by, order_by), for example .over((), \"time\")").into())
        }
        Engine::InSubquery(search) if search.subquery.subquery.schema().fields().len() != 1 => {
            let columns = search.subquery.subquery.schema().fields().len();
            let error = Error::user(format!("values are searched in a frame of one column, not of {columns}"));
            Err(error.with_hint("select the column").into())
        }
        other => Ok(Transformed::no(other)),
    });
    Ok(resolved.data()?)
}

/// The column that a name means: the whole name first, then `table.name`.
fn find(column: &Column, schema: &DFSchema) -> Result<Column> {
    let name = column.flat_name();
    let by_name = |wanted: &str| schema.iter().filter(|(_, field)| field.name() == wanted).collect::<Vec<_>>();
    let found = match &column.relation {
        Some(_) => Vec::new(),
        None => by_name(&column.name),
    };
    match found.as_slice() {
        [(qualifier, field)] => Ok(Column::new(qualifier.cloned(), field.name())),
        [] => of_table(&name, schema).ok_or_else(|| unknown(&name, schema)),
        several => {
            let names: Vec<_> = several.iter().map(|(table, field)| full_name(*table, field.name())).collect();
            Err(Error::user(format!("{} columns are named '{name}'", names.len()))
                .with_hint(format!("say which: {}", names.join(", "))))
        }
    }
}

/// The column whose table and name, with a dot between them, are `name`.
fn of_table(name: &str, schema: &DFSchema) -> Option<Column> {
    let (qualifier, field) = schema.iter().find(|(table, field)| {
        table.is_some_and(|table| {
            name.strip_suffix(field.name().as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|rest| rest == table.table() || rest == table.to_string())
        })
    })?;
    Some(Column::new(qualifier.cloned(), field.name()))
}

fn full_name(table: Option<&TableReference>, name: &str) -> String {
    table.map_or_else(|| name.to_string(), |table| format!("{}.{name}", table.table()))
}

/// The error of a name that no column has.
pub(in crate::frame) fn unknown(name: &str, schema: &DFSchema) -> Error {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let more = if names.len() > 12 { ", …" } else { "" };
    let all = format!("the columns are {}{more}", names.iter().take(12).copied().collect::<Vec<_>>().join(", "));
    Error::user(format!("column '{name}' not found")).did_you_mean(name, names, all)
}

/// The type of a resolved expression, when the types inside go together as the engine will have them.
pub(in crate::frame) fn checked(expr: &Engine, schema: &DFSchema) -> Result<DataType> {
    let typed = expr.clone().rewrite(&mut TypeCoercionRewriter::new(schema)).data();
    typed.and_then(|typed| typed.get_type(schema)).map_err(|error| {
        let error = Error::from(error);
        let message = error.message().lines().next().unwrap_or_default().to_string();
        Error::user(format!("{expr}: {message}")).with_source(error)
    })
}

/// Errors: an expression that is neither true nor false.
pub(in crate::frame) fn check_condition(expr: &Engine, schema: &DFSchema) -> Result<()> {
    match checked(expr, schema)? {
        DataType::Boolean | DataType::Null => Ok(()),
        other => Err(Error::user(format!("{expr} is no condition but {other}")).with_hint("compare it with something")),
    }
}

/// Errors: an aggregate where a value for every row is wanted.
pub(in crate::frame) fn expect_rows(exprs: &[Engine]) -> Result<()> {
    match find_aggregate_exprs(exprs).first() {
        Some(aggregate) => Err(Error::user(format!("{aggregate} is a value of many rows, not of each"))
            .with_hint("use .agg([…]), or .over((), ()) to have it at every row")),
        None => Ok(()),
    }
}

/// The name a column of this expression has, without its table.
pub(in crate::frame) fn output_name(expr: &Engine) -> String {
    expr.qualified_name().1
}

/// Whether a resolved expression names columns that are not among `keys`, outside of aggregates.
pub(in crate::frame) fn stray_column(expr: &Engine, keys: &[Engine]) -> Option<Column> {
    let mut stray = None;
    let walk = expr.apply(|node| match node {
        node if keys.contains(node) => Ok(TreeNodeRecursion::Jump),
        Engine::AggregateFunction(_) => Ok(TreeNodeRecursion::Jump),
        Engine::Column(column) => {
            stray = Some(column.clone());
            Ok(TreeNodeRecursion::Stop)
        }
        _ => Ok(TreeNodeRecursion::Continue),
    });
    walk.ok().and(stray)
}
