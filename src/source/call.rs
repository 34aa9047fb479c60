//! Paths and calls in FROM, as sources: `'x.csv'`, `read_csv('x.csv', delim => ';')`, `tpch('lineitem', 1)`.

use std::path::Path;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, UnaryOperator, Value,
};

use crate::error::{Error, Result};
use crate::source::builder::Source;
use crate::source::format::Format;
use crate::source::options::OptionValue;

/// The path that a name is: anything in single quotes, and names of files that are there.
pub(super) fn path(name: &ObjectName) -> Option<String> {
    let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    if let [Ident { value, quote_style: Some('\''), .. }] = idents.as_slice() {
        return Some(value.clone());
    }
    let joined = idents.iter().map(|ident| ident.value.as_str()).collect::<Vec<_>>().join(".");
    let known = Format::of(Path::new(&joined)).is_some();
    (known && (Path::new(&joined).exists() || joined.contains('*'))).then_some(joined)
}

/// The source that a call of `read_…` or `tpch` describes; `None` for other functions.
pub(super) fn call(name: &ObjectName, args: &[FunctionArg]) -> Result<Option<Source>> {
    let function = name.to_string().to_ascii_lowercase();
    let format = match function.as_str() {
        "tpch" => return tpch(args).map(Some),
        "parquet_scan" => Some(Format::Parquet),
        "read_csv_auto" => Some(Format::Csv),
        "read_json_auto" => Some(Format::Json),
        other => other.strip_prefix("read_").and_then(Format::by_name),
    };
    let Some(format) = format else { return Ok(None) };
    let mut paths = Vec::new();
    let mut named = Vec::new();
    for arg in args {
        match named_arg(arg) {
            Some((option, value)) => named.push((option, literal(value)?)),
            None => paths.extend(path_arg(&function, arg)?),
        }
    }
    if paths.is_empty() {
        return Err(Error::user(format!("{function} takes a path: {function}('…')")));
    }
    let mut source = Source::files(Some(format), paths);
    for (option, value) in named {
        source = source.option(&option, value)?;
    }
    Ok(Some(source))
}

fn tpch(args: &[FunctionArg]) -> Result<Source> {
    let wrong = || Error::user("tpch takes a table and a scale: tpch('lineitem', 1)");
    let values = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => literal(value),
        FunctionArg::Named { arg: FunctionArgExpr::Expr(value), .. } => literal(value),
        _ => Err(wrong()),
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    let (table, scale) = match values.as_slice() {
        [OptionValue::Text(table)] => (table, "1"),
        [OptionValue::Text(table), OptionValue::Text(scale)] => (table, scale.as_str()),
        _ => return Err(wrong()),
    };
    Ok(Source::tpch(table, scale.parse().map_err(|_| wrong())?))
}

/// `name => value`, `name := value`, and DuckDB's `name = value`.
fn named_arg(arg: &FunctionArg) -> Option<(String, &Expr)> {
    match arg {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => Some((name.value.clone(), value)),
        FunctionArg::ExprNamed { name, arg: FunctionArgExpr::Expr(value), .. } => Some((name.to_string(), value)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp { left, op: BinaryOperator::Eq, right })) => {
            match left.as_ref() {
                Expr::Identifier(name) => Some((name.value.clone(), right)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn path_arg(function: &str, arg: &FunctionArg) -> Result<Vec<String>> {
    let value = match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => literal(value)?,
        _ => return Err(Error::user(format!("{function} takes paths and options, not {arg}"))),
    };
    match value {
        OptionValue::Text(path) => Ok(vec![path]),
        OptionValue::List(paths) => Ok(paths),
        OptionValue::Pairs(_) => Err(Error::user(format!("{function} takes a path or a list of paths"))),
    }
}

/// The value that stands in the SQL text.
fn literal(value: &Expr) -> Result<OptionValue> {
    match value {
        Expr::Array(array) => Ok(OptionValue::List(array.elem.iter().map(word).collect::<Result<_>>()?)),
        Expr::Dictionary(fields) => {
            let pairs = fields.iter().map(|field| Ok((field.key.value.clone(), word(&field.value)?)));
            Ok(OptionValue::Pairs(pairs.collect::<Result<_>>()?))
        }
        other => Ok(OptionValue::Text(word(other)?)),
    }
}

fn word(value: &Expr) -> Result<String> {
    let written = match value {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(number.clone()),
            Value::Boolean(boolean) => Some(boolean.to_string()),
            value => value.clone().into_string(),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => Some(format!("-{}", word(expr)?)),
        Expr::Identifier(name) => Some(name.value.clone()),
        _ => None,
    };
    written.ok_or_else(|| Error::user(format!("'{value}' is no plain value: paths and options cannot be computed")))
}
