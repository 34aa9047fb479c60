//! CREATE FUNCTION and DROP FUNCTION.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{
    self, CreateFunction, CreateFunctionBody, DropFunction, FunctionBehavior, FunctionCalledOnNull, FunctionReturnType,
    FunctionSetValue, ObjectName, OperateFunctionArg, Value,
};

use super::definition::{FunctionDefinition, FunctionLimits, Language, NullInput, ParameterDefinition};
use super::overload::Parameter;
use super::registry::IfThere;
use super::scope::FunctionSettings;
use super::signature::Accepts;
use super::{plan_body, python};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sink::sql_type;
use crate::sql::{Piece, normal, parse_expression};

/// Makes a function of a statement and puts it into the catalog. `piece` is what the statement was parsed from.
///
/// Errors: names, types and body, as far as they can be checked without rows.
pub(crate) async fn create(statement: CreateFunction, piece: &Piece<'_>, context: &Context) -> Result<()> {
    let name = function_name(&statement.name)?;
    let arguments = statement.args.clone().unwrap_or_default();
    let Some(FunctionReturnType::DataType(returns)) = &statement.return_type else {
        return Err(Error::user(format!("function '{name}' has no type")).with_hint("say RETURNS and a type"));
    };
    let mut types: Vec<ast::DataType> = arguments.iter().map(|argument| argument.data_type.clone()).collect();
    types.push(returns.clone());
    let mut types = types_of(&types, context).await?;
    let Some(returns) = types.pop() else { return Err(Error::internal("a type is missing")) };
    let parameters = arguments.iter().zip(types).map(|(argument, data_type)| parameter(argument, data_type));
    let parameters = parameters.collect::<Result<Vec<_>>>()?;
    check_parameters(&name, &parameters)?;
    let (language, body, place) = body(&statement, piece)?;
    let limits = limits(&statement)?;
    if language == Language::Sql && limits != FunctionLimits::default() {
        return Err(Error::user(format!("function '{name}' has no worker to limit: its language is SQL")));
    }
    let definition = define(&statement, name, &parameters, &returns, language, &body);
    let definition = FunctionDefinition { limits, ..definition };
    let there = if statement.or_replace { IfThere::Replace } else { IfThere::Fail };
    let overload = match body {
        Body::Expression(expression) => {
            plan_body(definition, parameters, returns, *expression, &place, context).await?
        }
        Body::Text(_) => python::compile(definition, parameters, returns, context).await?,
    };
    context.catalog_functions().add(Arc::new(overload), there, context.session())
}

/// Removes the functions that a statement names.
pub(crate) async fn drop_functions(statement: DropFunction, context: &Context) -> Result<()> {
    for function in &statement.func_desc {
        let name = function_name(&function.name)?;
        let types = match &function.args {
            None => None,
            Some(arguments) => {
                let types: Vec<_> = arguments.iter().map(|argument| argument.data_type.clone()).collect();
                Some(types_of(&types, context).await?)
            }
        };
        if statement.if_exists && context.catalog_functions().named(&name).is_empty() {
            continue;
        }
        context.catalog_functions().remove(&name, types.as_deref(), context.session())?;
    }
    Ok(())
}

/// What stands after AS or RETURN.
enum Body {
    Expression(Box<ast::Expr>),
    Text(String),
}

fn function_name(name: &ObjectName) -> Result<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(normal).ok_or_else(|| Error::user(format!("'{name}' is no name of a function"))),
        _ => Err(Error::user("functions stand in no schema").with_hint("leave the schema out")),
    }
}

/// The engine's types for those of SQL.
pub(super) async fn types_of(types: &[ast::DataType], context: &Context) -> Result<Vec<DataType>> {
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let columns: Vec<String> =
        types.iter().enumerate().map(|(at, kind)| format!("CAST(NULL AS {kind}) AS t{at}")).collect();
    let frame = Box::pin(context.sql(&format!("SELECT {}", columns.join(", ")))).await;
    let frame = frame.map_err(|error| error.map_span(|_| crate::Span::new(0, 0)))?;
    Ok(frame.schema().fields().iter().map(|field| field.data_type().clone()).collect())
}

fn parameter(argument: &OperateFunctionArg, data_type: DataType) -> Result<Parameter> {
    if !matches!(argument.mode, None | Some(ast::ArgMode::In)) {
        return Err(Error::user("parameters are IN parameters"));
    }
    // The parser keeps quotes as a part of the name.
    let name = argument.name.as_ref().map_or_else(String::new, |name| match name.value.strip_prefix('"') {
        Some(quoted) => quoted.trim_end_matches('"').replace("\"\"", "\""),
        None => name.value.to_lowercase(),
    });
    Ok(Parameter { name, accepts: Accepts::Type(data_type), default: argument.default_expr.clone() })
}

fn check_parameters(function: &str, parameters: &[Parameter]) -> Result<()> {
    for (at, parameter) in parameters.iter().enumerate() {
        if parameter.name.is_empty() {
            return Err(Error::user(format!("parameter {} of '{function}' has no name", at + 1)));
        }
        if parameters[..at].iter().any(|other| other.name == parameter.name) {
            return Err(Error::user(format!("'{function}' has two parameters '{}'", parameter.name)));
        }
        if parameter.default.is_none() && parameters[..at].iter().any(|other| other.default.is_some()) {
            return Err(Error::user(format!("parameter '{}' of '{function}' needs a default", parameter.name))
                .with_hint("parameters behind one with a default have one too"));
        }
    }
    Ok(())
}

/// The language, the body, and the piece of the script that the body's places are in.
fn body<'a>(statement: &'a CreateFunction, piece: &Piece<'a>) -> Result<(Language, Body, Piece<'a>)> {
    let language = statement.language.as_ref().map_or("sql".to_string(), |name| name.value.to_lowercase());
    let language = match language.as_str() {
        "sql" => Language::Sql,
        "python" | "python3" | "plpython3u" => Language::Python,
        "python_columns" => Language::PythonColumns,
        _ => {
            let error = Error::user(format!("there is no language '{language}'"));
            let names = ["sql", "python", "python_columns"];
            return Err(error.did_you_mean(&language, names, "write it in SQL, PYTHON or PYTHON_COLUMNS"));
        }
    };
    match (&statement.function_body, language) {
        (Some(CreateFunctionBody::Return(expression)), Language::Sql) => {
            Ok((language, Body::Expression(Box::new(expression.clone())), piece.clone()))
        }
        (Some(CreateFunctionBody::AsBeforeOptions { body, .. } | CreateFunctionBody::AsAfterOptions(body)), _) => {
            let inner = text(body, piece)?;
            let body = match language {
                Language::Sql => Body::Expression(Box::new(parse_expression(&inner)?)),
                _ => Body::Text(inner.text.to_string()),
            };
            Ok((language, body, inner))
        }
        (Some(CreateFunctionBody::Return(_)), _) => {
            Err(Error::user(format!("a body in {} stands in AS $$ … $$", language.name())))
        }
        (None, _) => Err(Error::user("the function has no body").with_hint("say RETURN expression or AS $$ … $$")),
        _ => Err(Error::user("a body of this form is not known").with_hint("say RETURN expression or AS $$ … $$")),
    }
}

/// The text of a body in quotes as a piece of its script.
fn text<'a>(body: &'a ast::Expr, piece: &Piece<'_>) -> Result<Piece<'a>> {
    let ast::Expr::Value(value) = body else { return Err(Error::user("the body is no text")) };
    let (text, quote) = match &value.value {
        Value::DollarQuotedString(quoted) => {
            (quoted.value.as_str(), quoted.tag.as_ref().map_or(0, |tag| tag.chars().count() as u64) + 2)
        }
        Value::SingleQuotedString(text) => (text.as_str(), 1),
        _ => return Err(Error::user("the body is no text")),
    };
    let at = value.span.start;
    let (line, column) = if at.line > 0 { (at.line, at.column + quote) } else { (piece.line, piece.column) };
    Ok(Piece { text, range: 0..text.len(), line, column, terminated: true })
}

/// What `SET function_timeout = '1s'` and `SET function_memory = '100MB'` behind a signature say.
fn limits(statement: &CreateFunction) -> Result<FunctionLimits> {
    let mut settings = FunctionSettings { timeout: None, ..FunctionSettings::default() };
    for parameter in &statement.set_params {
        let name = function_name(&parameter.name)?;
        if !["function_timeout", "function_memory"].contains(&name.as_str()) {
            let error = Error::user(format!("a function has no option '{name}' of its own"));
            return Err(error.with_hint("it may SET function_timeout and function_memory"));
        }
        let value = match &parameter.value {
            FunctionSetValue::Values(values) => values.iter().map(plain_text).collect::<Vec<_>>().join(", "),
            FunctionSetValue::Default | FunctionSetValue::FromCurrent => continue,
        };
        settings.set(&name, &value)?;
    }
    let timeout_ms = settings.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    Ok(FunctionLimits { timeout_ms, memory: settings.memory })
}

fn plain_text(value: &ast::Expr) -> String {
    match value {
        ast::Expr::Value(value) => value.value.clone().into_string().unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

fn define(
    statement: &CreateFunction,
    name: String,
    parameters: &[Parameter],
    returns: &DataType,
    language: Language,
    body: &Body,
) -> FunctionDefinition {
    let volatility = match (&statement.behavior, language) {
        (Some(FunctionBehavior::Immutable), _) => "IMMUTABLE",
        (Some(FunctionBehavior::Stable), _) => "STABLE",
        (Some(FunctionBehavior::Volatile), _) => "VOLATILE",
        // What takes nothing and always gives the same would be no function.
        (None, Language::Python | Language::PythonColumns) if parameters.is_empty() => "VOLATILE",
        (None, _) => "IMMUTABLE",
    };
    let null_input = match (&statement.called_on_null, language) {
        (Some(FunctionCalledOnNull::CalledOnNullInput), _) => NullInput::Called,
        (Some(FunctionCalledOnNull::Strict | FunctionCalledOnNull::ReturnsNullOnNullInput), _) => NullInput::Strict,
        (None, Language::Sql) => NullInput::Called,
        (None, _) => NullInput::Strict,
    };
    let parameter = |parameter: &Parameter| ParameterDefinition {
        name: parameter.name.clone(),
        data_type: parameter.accepts.name(),
        default: parameter.default.as_ref().map(ToString::to_string),
    };
    FunctionDefinition {
        name,
        parameters: parameters.iter().map(parameter).collect(),
        returns: sql_type(returns),
        language,
        body: Some(match body {
            Body::Expression(expression) => expression.to_string(),
            Body::Text(text) => text.clone(),
        }),
        volatility: volatility.to_string(),
        null_input,
        aggregate: false,
        limits: FunctionLimits::default(),
    }
}
