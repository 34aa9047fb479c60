//! SHOW FUNCTIONS and DESCRIBE FUNCTION.

use std::sync::Arc;

use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ident, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::ShowStatementFilter;

use super::definition::{FunctionDefinition, FunctionLimits, NullInput};
use super::overload::Overload;
use super::registry::Functions;
use crate::error::{Error, Result};

/// One row a function that a person made, by name.
pub(crate) fn show_functions(functions: &Functions, filter: Option<&ShowStatementFilter>) -> Result<LogicalPlan> {
    let row = |function: FunctionDefinition| {
        let kind = if function.aggregate { "aggregate" } else { "row" };
        let parameters = function.parameter_list();
        vec![lit(function.name), lit(parameters), lit(function.returns), lit(function.language.name()), lit(kind)]
    };
    let rows = functions.definitions().into_iter().map(row).collect();
    let names = ["function_name", "parameters", "return_type", "language", "kind"];
    let plan = table(rows, &names)?;
    let name = || ident("function_name");
    let filter = match filter {
        None => return Ok(plan),
        Some(ShowStatementFilter::Like(pattern)) => name().like(lit(pattern.as_str())),
        Some(ShowStatementFilter::ILike(pattern)) => name().ilike(lit(pattern.as_str())),
        Some(_) => return Err(Error::user("SHOW FUNCTIONS takes LIKE or ILIKE")),
    };
    Ok(LogicalPlanBuilder::from(plan).filter(filter)?.build()?)
}

/// One row an overload: signature, language, volatility, what NULL does, the body, its limits, the hash of it all, and
/// where it runs.
pub(crate) fn describe_function(functions: &Functions, name: &str) -> Result<LogicalPlan> {
    let row = |overload: &Arc<Overload>| {
        let function = &overload.definition;
        let null_input = match function.null_input {
            NullInput::Called => "CALLED ON NULL INPUT",
            NullInput::Strict => "STRICT",
        };
        let body = function.body.clone().map_or(lit(ScalarValue::Utf8(None)), lit);
        let hash = format!("{:016x}", function.hash());
        let volatility = function.volatility.as_str();
        vec![
            lit(function.signature()),
            lit(function.language.name()),
            lit(volatility),
            lit(null_input),
            body,
            limits(&function.limits),
            lit(hash),
            lit(overload.runs_in()),
        ]
    };
    let known = functions.overloads();
    let rows: Vec<Vec<Expr>> = known.iter().filter(|overload| overload.definition.name == name).map(row).collect();
    if rows.is_empty() {
        let error = Error::user(format!("there is no function '{name}' of yours"));
        let names = known.iter().map(|overload| overload.definition.name.as_str());
        return Err(error.did_you_mean(name, names, "SHOW FUNCTIONS lists them"));
    }
    table(rows, &["signature", "language", "volatility", "null_input", "body", "limits", "hash", "runs_in"])
}

/// The limits as SET says them; NULL where a function has none of its own.
fn limits(limits: &FunctionLimits) -> Expr {
    let timeout = limits.timeout_ms.map(|timeout| format!("function_timeout = '{timeout}ms'"));
    let memory = limits.memory.map(|memory| format!("function_memory = '{memory}'"));
    let limits: Vec<String> = timeout.into_iter().chain(memory).collect();
    if limits.is_empty() { lit(ScalarValue::Utf8(None)) } else { lit(limits.join(", ")) }
}

fn table(rows: Vec<Vec<Expr>>, names: &[&str]) -> Result<LogicalPlan> {
    let keep = rows.len();
    let empty = vec![names.iter().map(|_| lit("")).collect()];
    let renamed = names.iter().zip(1..).map(|(name, number)| ident(format!("column{number}")).alias(*name));
    // VALUES needs a row; LIMIT takes it away again where there is nothing to show.
    let plan = LogicalPlanBuilder::values(if rows.is_empty() { empty } else { rows })?.project(renamed)?;
    Ok(plan.limit(0, Some(keep))?.build()?)
}
