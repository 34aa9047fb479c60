//! The functions of a context, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;
use parking_lot::RwLock;

use super::aggregate::Aggregates;
use super::definition::FunctionDefinition;
use super::overload::{Overload, Overloads};
use super::row_function::RowFunction;
use super::signature::Accepts;
use crate::error::{Error, Result};

/// The functions that people made, each name with its overloads. The engine knows them under the same names.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    names: RwLock<BTreeMap<String, Vec<Arc<Overload>>>>,
}

/// What becomes of a function that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfThere {
    Fail,
    Replace,
}

impl Functions {
    /// Adds a function.
    ///
    /// Errors: the name is the engine's; the same types of parameters are taken; scalar and aggregate under one name.
    pub(crate) fn add(&self, overload: Arc<Overload>, there: IfThere, session: &SessionContext) -> Result<()> {
        let name = overload.definition.name.to_lowercase();
        let mut names = self.names.write();
        if !names.contains_key(&name) && is_known(&name, session) {
            return Err(Error::user(format!("'{name}' is a function of the engine"))
                .with_hint("take another name: the engine's functions cannot be replaced"));
        }
        let overloads = names.entry(name.clone()).or_default();
        let same = overloads.iter().position(|other| other.clashes(&overload));
        if overloads
            .iter()
            .enumerate()
            .any(|(at, other)| Some(at) != same && other.is_aggregate() != overload.is_aggregate())
        {
            return Err(Error::user(format!("'{name}' cannot be both an aggregate and a function of one row")));
        }
        match (same, there) {
            (None, _) => overloads.push(overload),
            (Some(at), IfThere::Replace) => overloads[at] = overload,
            (Some(at), IfThere::Fail) => {
                return Err(Error::user(format!("function {} exists", overloads[at].definition.signature()))
                    .with_hint("CREATE OR REPLACE FUNCTION replaces it"));
            }
        }
        register(&name, overloads, session);
        Ok(())
    }

    /// Removes the overload with parameters of these types, or the only one where no types are told; what was removed.
    ///
    /// Errors: no such function; several and no types.
    pub(crate) fn remove(
        &self,
        name: &str,
        types: Option<&[DataType]>,
        session: &SessionContext,
    ) -> Result<Arc<Overload>> {
        let mut names = self.names.write();
        let known: Vec<String> = names.keys().cloned().collect();
        let unknown = || {
            let error = Error::user(format!("there is no function '{name}' of yours"));
            error.did_you_mean(name, known.iter().map(String::as_str), "SHOW FUNCTIONS lists them")
        };
        let overloads = names.get_mut(name).ok_or_else(unknown)?;
        let at = match types {
            Some(types) => overloads.iter().position(|overload| takes(overload, types)).ok_or_else(|| {
                let there: Vec<String> = overloads.iter().map(|overload| overload.definition.signature()).collect();
                Error::user(format!("no function '{name}' has parameters of those types"))
                    .with_hint(format!("there is {}", there.join("; ")))
            })?,
            None if overloads.len() == 1 => 0,
            None => {
                return Err(Error::user(format!("there are {} functions '{name}'", overloads.len()))
                    .with_hint(format!("say which by its types: DROP FUNCTION {name}(…)")));
            }
        };
        let removed = overloads.remove(at);
        if overloads.is_empty() {
            names.remove(name);
            session.deregister_udf(name);
            session.deregister_udaf(name);
        } else {
            register(name, overloads, session);
        }
        Ok(removed)
    }

    /// The overloads of a name.
    pub(crate) fn named(&self, name: &str) -> Vec<Arc<Overload>> {
        self.names.read().get(name).cloned().unwrap_or_default()
    }

    /// A function of one row by its name.
    pub(crate) fn row_function(&self, name: &str) -> Result<RowFunction> {
        let names = self.names.read();
        let found = names.get(&name.to_lowercase()).filter(|overloads| !overloads.iter().any(|o| o.is_aggregate()));
        let found = found.ok_or_else(|| {
            let error = Error::user(format!("there is no function '{name}' of one row"));
            error.did_you_mean(name, names.keys().map(String::as_str), "CREATE FUNCTION makes one")
        })?;
        Ok(RowFunction::new(name, found.clone()))
    }

    /// All overloads, by name.
    pub(super) fn overloads(&self) -> Vec<Arc<Overload>> {
        self.names.read().values().flatten().cloned().collect()
    }

    /// All functions, by name.
    pub(crate) fn definitions(&self) -> Vec<FunctionDefinition> {
        self.overloads().iter().map(|overload| overload.definition.clone()).collect()
    }
}

fn takes(overload: &Overload, types: &[DataType]) -> bool {
    let same = |(accepts, wanted): (&Accepts, &DataType)| *accepts == Accepts::Type(wanted.clone());
    overload.parameters.len() == types.len()
        && overload.parameters.iter().map(|parameter| &parameter.accepts).zip(types).all(same)
}

fn is_known(name: &str, session: &SessionContext) -> bool {
    let state = session.state();
    state.scalar_functions().contains_key(name)
        || state.aggregate_functions().contains_key(name)
        || state.window_functions().contains_key(name)
        || state.higher_order_functions().contains_key(name)
}

fn register(name: &str, overloads: &[Arc<Overload>], session: &SessionContext) {
    if overloads.iter().any(|overload| overload.is_aggregate()) {
        session.register_udaf(Aggregates::function(name, overloads.to_vec()));
    } else {
        session.register_udf(Overloads::function(name, overloads.to_vec()));
    }
}
