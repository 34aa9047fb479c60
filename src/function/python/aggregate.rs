//! Aggregates in Python: a class with `update`, `merge` and `finish`.
//!
//! The states lie here, pickled, so that they are counted and can go to disk; a worker is given those of the groups
//! that a batch has, and gives them back.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryViewBuilder, BooleanArray};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::DataType;
use serde_json::{Value, json};

use super::columns::{cast, encode};
use super::decode::Reply;
use super::function::{failure, write_plain};
use super::kind::plain;
use super::workers::{Load, Workers};
use crate::error::{Error, Result};
use crate::function::aggregate::{Emit, GroupStates, Groups};
use crate::function::call::{Call, Environment, Failure, all_valid};
use crate::function::definition::NullInput;
use crate::function::overload::Overload;
use crate::function::scope::OnError;

/// A class in Python.
#[derive(Debug)]
pub(super) struct PythonGroups {
    pub(super) load: Arc<Load>,
    pub(super) workers: Arc<Workers>,
    pub(super) null_input: NullInput,
}

impl Drop for PythonGroups {
    fn drop(&mut self) {
        self.workers.forget(&self.load.id);
    }
}

impl Groups for PythonGroups {
    fn state_types(&self) -> Vec<DataType> {
        vec![DataType::BinaryView]
    }

    fn states(&self, environment: &Environment) -> Box<dyn GroupStates> {
        Box::new(States {
            load: Arc::clone(&self.load),
            workers: Arc::clone(&self.workers),
            null_input: self.null_input,
            environment: environment.clone(),
            states: Vec::new(),
            bytes: 0,
        })
    }
}

struct States {
    load: Arc<Load>,
    workers: Arc<Workers>,
    null_input: NullInput,
    environment: Environment,
    /// Pickled; none of a group that no row has come to, empty of one that has failed.
    states: Vec<Option<Box<[u8]>>>,
    bytes: usize,
}

impl States {
    fn ask(&self, header: &Value, data: &[u8]) -> Result<(Value, Vec<u8>)> {
        self.workers.ask(&self.load, header, data, &self.environment)
    }

    /// Has a worker take rows into the states of their groups: `operation`, with `columns` behind the states.
    fn step(&mut self, operation: &str, columns: &[u8], groups: &[usize]) -> Result<Result<(), Value>> {
        let mut places = HashMap::new();
        let mut present = Vec::new();
        let mut indices = Vec::with_capacity(groups.len() * 4);
        for group in groups {
            let place = *places.entry(*group).or_insert_with(|| {
                present.push(*group);
                present.len() as u32 - 1
            });
            indices.extend_from_slice(&place.to_le_bytes());
        }
        let mut data = Vec::new();
        encode(&self.packed(&present), &mut data)?;
        data.extend_from_slice(&indices);
        data.extend_from_slice(columns);
        let (rows, count) = (groups.len(), present.len());
        let mut header = json!({ "operation": operation, "id": self.load.id, "rows": rows, "groups": count });
        header["lenient"] = self.is_lenient().into();
        let (answer, data) = self.ask(&header, &data)?;
        if answer.get("error").is_some() {
            return Ok(Err(answer));
        }
        self.count_failures(&answer);
        let states = Reply(&data).column(&DataType::BinaryView, count)?;
        for (group, state) in present.into_iter().zip(states.as_binary_view().iter()) {
            self.put(group, state);
        }
        Ok(Ok(()))
    }

    /// Whether a group that fails becomes NULL.
    fn is_lenient(&self) -> bool {
        self.environment.settings.on_error == OnError::Null
    }

    fn count_failures(&self, answer: &Value) {
        self.environment.scope.count_failures(answer["failures"].as_u64().unwrap_or(0));
    }

    fn put(&mut self, group: usize, state: Option<&[u8]>) {
        let state: Option<Box<[u8]>> = state.map(Box::from);
        self.bytes += state.as_ref().map_or(0, |state| state.len());
        if let Some(old) = mem::replace(&mut self.states[group], state) {
            self.bytes -= old.len();
        }
    }

    fn packed(&self, groups: &[usize]) -> ArrayRef {
        column(groups.iter().map(|group| self.states[*group].as_deref()))
    }

    fn take(&mut self, emit: Emit) -> Vec<Option<Box<[u8]>>> {
        let taken = match emit {
            Emit::First(groups) => {
                let rest = self.states.split_off(groups.min(self.states.len()));
                mem::replace(&mut self.states, rest)
            }
            Emit::All | Emit::Keep => mem::take(&mut self.states),
        };
        self.bytes -= taken.iter().flatten().map(|state| state.len()).sum::<usize>();
        taken
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.states.len() {
            self.states.resize(groups, None);
        }
    }
}

fn column<'a>(states: impl Iterator<Item = Option<&'a [u8]>>) -> ArrayRef {
    let mut builder = BinaryViewBuilder::new();
    states.for_each(|state| builder.append_option(state));
    Arc::new(builder.finish())
}

fn failed(name: &str, answer: &Value, when: &str, lenient: bool) -> Error {
    let told = failure(answer);
    let text = told.map_or(String::new(), |told| format!("{}\n{}", told.message, told.detail));
    let error = Error::data(format!("function '{name}' failed in {when}: {}", text.trim_end()));
    match lenient {
        true => error,
        false => error.with_hint("SET on_function_error = 'null' gives NULL for groups that fail and counts them"),
    }
}

impl GroupStates for States {
    fn update(&mut self, call: &Call<'_>, groups: &[usize], chosen: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.grow(total);
        let before = call.rows_before();
        let valid = all_valid(call.columns).filter(|_| self.null_input == NullInput::Strict);
        let wanted = |row: usize| {
            valid.as_ref().is_none_or(|valid| valid.is_valid(row))
                && chosen.is_none_or(|chosen| chosen.is_valid(row) && chosen.value(row))
        };
        let rows: Vec<usize> = (0..call.rows).filter(|row| wanted(*row)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let kept: BooleanArray = (0..call.rows).map(|row| Some(wanted(row))).collect();
        let columns = call.columns.iter().map(|column| filter(column, &kept)).collect::<Result<Vec<_>, _>>()?;
        let groups: Vec<usize> = rows.iter().map(|row| groups[*row]).collect();
        let answer = match self.step("update", &write_plain(&columns)?, &groups)? {
            Ok(()) => return Ok(()),
            Err(answer) => answer,
        };
        let name = &call.overload.definition.name;
        Err(match failure(&answer) {
            Some(told) if told.row.is_some() => {
                let row = told.row.and_then(|row| rows.get(row).copied()).unwrap_or(0);
                call.error(&Failure { row, message: told.message, detail: told.detail }, before)
            }
            _ => failed(name, &answer, "update", self.is_lenient()),
        })
    }

    fn merge(&mut self, overload: &Overload, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        let answer = self.step("merge", &write_plain(states)?, groups)?;
        answer.map_err(|answer| failed(&overload.definition.name, &answer, "merge", self.is_lenient()))
    }

    fn state(&mut self, emit: Emit) -> Result<Vec<ArrayRef>> {
        Ok(vec![column(self.take(emit).iter().map(|state| state.as_deref()))])
    }

    fn finish(&mut self, overload: &Overload, emit: Emit) -> Result<ArrayRef> {
        let states = match emit {
            Emit::Keep => self.packed(&(0..self.states.len()).collect::<Vec<_>>()),
            emit => column(self.take(emit).iter().map(|state| state.as_deref())),
        };
        let mut data = Vec::new();
        encode(&states, &mut data)?;
        let lenient = self.is_lenient();
        let header = json!({ "operation": "finish", "id": self.load.id, "rows": states.len(), "lenient": lenient });
        let (answer, data) = self.ask(&header, &data)?;
        if answer.get("error").is_some() {
            return Err(failed(&overload.definition.name, &answer, "finish", lenient));
        }
        self.count_failures(&answer);
        cast(&Reply(&data).column(&plain(&overload.returns)?, states.len())?, &overload.returns)
    }

    fn grow_to(&mut self, groups: usize) {
        self.grow(groups);
    }

    fn size(&self) -> usize {
        self.bytes + self.states.capacity() * size_of::<Option<Box<[u8]>>>()
    }
}
