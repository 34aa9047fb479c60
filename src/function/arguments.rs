//! Named arguments and defaults: every call as the engine knows it, with all its arguments in their places.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, VisitorMut,
};

use super::overload::Overload;
use super::registry::Functions;
use crate::error::{Error, Result, Span};

/// Rewrites the calls of people's functions: `f(b => 2)` as `f(1, 2)` where the first parameter has 1 as its default.
pub(crate) fn fill_in(functions: &Functions) -> impl VisitorMut<Break = Error> + '_ {
    Filler { functions }
}

struct Filler<'a> {
    functions: &'a Functions,
}

impl VisitorMut for Filler<'_> {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Function(call) = expr else { return ControlFlow::Continue(()) };
        let start = call.name.span().start;
        let span = Span::new(start.line, start.column);
        match fill(call, self.functions) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(if start.line > 0 { error.at_if_none(span) } else { error }),
        }
    }
}

/// One argument as it was written.
enum Written {
    Positional(FunctionArg),
    Named(String, FunctionArg),
}

fn fill(call: &mut Function, functions: &Functions) -> Result<()> {
    let [part] = call.name.0.as_slice() else { return Ok(()) };
    let Some(name) = part.as_ident().map(crate::sql::normal) else { return Ok(()) };
    let overloads = functions.named(&name);
    let FunctionArguments::List(list) = &mut call.args else { return Ok(()) };
    let written: Vec<Written> = list.args.iter().map(written).collect();
    let named = written.iter().any(|arg| matches!(arg, Written::Named(..)));
    let complete = overloads.iter().any(|overload| overload.parameters.len() == written.len());
    if overloads.is_empty() || (complete && !named) {
        return Ok(());
    }
    let mut filled: Vec<(usize, Vec<FunctionArg>)> = Vec::new();
    let mut reason = None;
    for overload in &overloads {
        match arrange(overload, &written) {
            Ok(arguments) => filled.push(arguments),
            Err(error) => reason = Some(error),
        }
    }
    filled.sort_by_key(|(defaults, _)| *defaults);
    let ambiguous = filled.get(1).is_some_and(|second| second.0 == filled[0].0 && second.1 != filled[0].1);
    match filled.into_iter().next() {
        Some(_) if ambiguous => {
            Err(Error::user(format!("the call of {name} may mean several functions"))
                .with_hint("give all its arguments"))
        }
        Some((_, arguments)) => {
            list.args = arguments;
            Ok(())
        }
        // With names alone there is nothing to arrange: the types tell what is wrong.
        None if !named && !overloads.iter().any(has_defaults) => Ok(()),
        None => reason.map_or(Ok(()), Err),
    }
}

fn has_defaults(overload: &Arc<Overload>) -> bool {
    overload.parameters.iter().any(|parameter| parameter.default.is_some())
}

fn written(arg: &FunctionArg) -> Written {
    let positional = |arg: &FunctionArgExpr| FunctionArg::Unnamed(arg.clone());
    match arg {
        FunctionArg::Named { name, arg, .. } => Written::Named(crate::sql::normal(name), positional(arg)),
        FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, .. } => {
            Written::Named(crate::sql::normal(name), positional(arg))
        }
        other => Written::Positional(other.clone()),
    }
}

/// The arguments in the order of the parameters, and how many of them are defaults.
fn arrange(overload: &Overload, written: &[Written]) -> Result<(usize, Vec<FunctionArg>)> {
    let wrong = |text: String| Error::user(text).with_hint(format!("it is {}", overload.definition.signature()));
    let name = &overload.definition.name;
    let mut places: Vec<Option<FunctionArg>> = vec![None; overload.parameters.len()];
    for (at, arg) in written.iter().enumerate() {
        let (place, arg, unknown) = match arg {
            Written::Positional(arg) => {
                let (most, given) = (overload.parameters.len(), written.len());
                (Some(at), arg, format!("{name} takes at most {most} arguments, not {given}"))
            }
            Written::Named(parameter, arg) => {
                let place = overload.parameters.iter().position(|known| known.name == *parameter);
                (place, arg, format!("{name} has no parameter '{parameter}'"))
            }
        };
        let place = place.and_then(|place| places.get_mut(place)).ok_or_else(|| wrong(unknown))?;
        if place.replace(arg.clone()).is_some() {
            return Err(wrong(format!("{name} is given an argument twice")));
        }
    }
    let mut defaults = 0;
    let places = places.into_iter().zip(&overload.parameters).map(|(place, parameter)| {
        let default = || {
            defaults += 1;
            parameter.default.clone().map(|default| FunctionArg::Unnamed(FunctionArgExpr::Expr(default)))
        };
        let missing = || wrong(format!("{name} needs a value for its parameter '{}'", parameter.name));
        place.or_else(default).ok_or_else(missing)
    });
    let places = places.collect::<Result<Vec<_>>>()?;
    Ok((defaults, places))
}
