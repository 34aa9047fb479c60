//! CREATE FUNCTION … LANGUAGE PYTHON: the body is run once, so that what is wrong with it is told at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::datatypes::DataType;
use serde_json::{Value, json};

use super::aggregate::PythonGroups;
use super::function::{Mode, PythonFunction};
use super::kind::{plain, told};
use super::native::Native;
use super::workers::Load;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::function::call::Environment;
use crate::function::definition::{FunctionDefinition, Language};
use crate::function::overload::{Compute, Overload, Parameter};
use crate::function::signature::Accepts;

/// Makes a function of a body in Python.
///
/// Errors: types that Python has no value for; what the body raises; a function of another name or arity.
pub(in crate::function) async fn compile(
    mut definition: FunctionDefinition,
    parameters: Vec<Parameter>,
    returns: DataType,
    context: &Context,
) -> Result<Overload> {
    let types = parameters.iter().map(|parameter| match &parameter.accepts {
        Accepts::Type(data_type) => plain(data_type),
        Accepts::Nested => Ok(DataType::Null),
    });
    let types = types.collect::<Result<Vec<_>>>()?;
    let result = plain(&returns)?;
    let load = load(&definition, &types, &result);
    let environment = Environment::of(context.session().state().config_options());
    let workers = context.workers();
    let (answer, _) = workers.ask(&load, &load.header, &[], &environment)?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return Err(refused(&definition.name, error, answer["detail"].as_str().unwrap_or_default()));
    }
    let (load, workers) = (Arc::new(load), Arc::clone(workers));
    definition.aggregate = answer["aggregate"] == true;
    if definition.aggregate && definition.language == Language::PythonColumns {
        return Err(Error::user("an aggregate takes its rows one by one").with_hint("say LANGUAGE PYTHON"));
    }
    let compute = if definition.aggregate {
        Compute::Groups(Arc::new(PythonGroups { load, workers, null_input: definition.null_input }))
    } else {
        let numpy = answer["modes"].as_array().is_some_and(|modes| modes.iter().all(|mode| mode == "numpy"));
        let mode = match (definition.language, numpy && !parameters.is_empty()) {
            (Language::Python, _) => Mode::Rows,
            (_, true) => Mode::Numpy,
            (_, false) => Mode::Arrow,
        };
        let native = Native::of(&answer, &types, &result);
        Compute::Columns(Arc::new(PythonFunction { load, workers, mode, native }))
    };
    Ok(Overload { definition, parameters, returns, compute })
}

fn load(definition: &FunctionDefinition, types: &[DataType], returns: &DataType) -> Load {
    // The same definition made again begins anew.
    static MADE: AtomicU64 = AtomicU64::new(0);
    let id = format!("{:016x}_{}", definition.hash(), MADE.fetch_add(1, Ordering::Relaxed));
    let header = json!({
        "operation": "load",
        "id": id,
        "name": definition.name,
        "language": definition.language,
        "body": definition.body,
        "parameters": types.iter().map(told).collect::<Vec<_>>(),
        "returns": told(returns),
    });
    Load { id, name: definition.name.clone(), header }
}

fn refused(name: &str, error: &str, detail: &str) -> Error {
    let detail = detail.trim_end();
    let text = format!("function '{name}': {error}");
    Error::user(if detail.is_empty() { text } else { format!("{text}\n{detail}") })
}
