//! Aggregates written in Rust.

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::DataType;

use super::output::{Output, declared};
use super::row::{parameters, unpanicked};
use super::state::AggregateState;
use super::update::UpdateClosure;
use crate::error::{Error, Result};
use crate::function::aggregate::{Emit, GroupStates, Groups};
use crate::function::aggregate_function::AggregateFunction;
use crate::function::call::{Call, Environment, Failure};
use crate::function::definition::{FunctionDefinition, FunctionLimits, Language, NullInput};
use crate::function::overload::{Compute, Overload, Parameter};
use crate::function::scope::OnError;
use crate::function::signature::Accepts;

/// A function of the rows of a group, called `name` in SQL.
///
/// `init` makes the state of a group, `update` takes a row into it (a NULL in an argument that is no `Option` skips the
/// row), `merge` takes in the state of the same group from another partition, `finish` makes the result. States are
/// [`AggregateState`]s, so that they can go to disk; `finish` may be asked more than once.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// use partita::prelude::*;
/// let spread = aggregate_function(
///     "spread",
///     || (f64::INFINITY, f64::NEG_INFINITY),
///     |state: &mut (f64, f64), value: f64| *state = (state.0.min(value), state.1.max(value)),
///     |state, other| *state = (state.0.min(other.0), state.1.max(other.1)),
///     |state| (state.0 <= state.1).then_some(state.1 - state.0),
/// );
/// let ctx = Context::builder().build()?;
/// ctx.register_aggregate(&spread)?;
/// let rows = ctx.sql("SELECT spread(value) FROM generate_series(1, 10)").await?.compute().await?;
/// # use datafusion::arrow::array::AsArray;
/// # assert_eq!(rows[0].column(0).as_primitive::<datafusion::arrow::datatypes::Float64Type>().value(0), 9.0);
/// # Ok(()) }
/// ```
pub fn aggregate_function<S, M, R, U>(
    name: &str,
    init: impl Fn() -> S + Send + Sync + 'static,
    update: U,
    merge: impl Fn(&mut S, S) + Send + Sync + 'static,
    finish: impl Fn(&S) -> R + Send + Sync + 'static,
) -> AggregateFunction
where
    S: AggregateState,
    M: 'static,
    R: Output + 'static,
    U: UpdateClosure<S, M>,
{
    let accepts: Vec<Accepts> =
        U::arguments().into_iter().map(|known| known.map_or(Accepts::Nested, Accepts::Type)).collect();
    let returns = declared::<R>();
    let definition = FunctionDefinition {
        name: name.to_string(),
        parameters: parameters(&accepts),
        returns: crate::sink::sql_type(&returns),
        language: Language::Rust,
        body: None,
        volatility: "IMMUTABLE".to_string(),
        null_input: NullInput::Called,
        aggregate: true,
        limits: FunctionLimits::default(),
    };
    let closures = Closures { init, update, merge, finish, marker: PhantomData::<fn() -> (S, M, R)> };
    AggregateFunction::of(Overload {
        definition,
        parameters: accepts
            .into_iter()
            .map(|accepts| Parameter { name: String::new(), accepts, default: None })
            .collect(),
        returns,
        compute: Compute::Groups(Arc::new(Closed(Arc::new(closures)))),
    })
}

struct Closures<I, U, G, F, M> {
    init: I,
    update: U,
    merge: G,
    finish: F,
    marker: PhantomData<fn() -> M>,
}

struct Closed<C>(Arc<C>);

impl<C> fmt::Debug for Closed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closures")
    }
}

impl<I, U, G, F, S, M, R> Groups for Closed<Closures<I, U, G, F, (S, M, R)>>
where
    S: AggregateState,
    M: 'static,
    R: Output + 'static,
    I: Fn() -> S + Send + Sync + 'static,
    U: UpdateClosure<S, M>,
    G: Fn(&mut S, S) + Send + Sync + 'static,
    F: Fn(&S) -> R + Send + Sync + 'static,
{
    fn state_types(&self) -> Vec<DataType> {
        S::types().into_iter().chain([DataType::Boolean]).collect()
    }

    fn states(&self, environment: &Environment) -> Box<dyn GroupStates> {
        let (closures, environment) = (Arc::clone(&self.0), environment.clone());
        Box::new(States { closures, environment, states: Vec::<S>::new(), failed: Vec::new() })
    }
}

struct States<C, S> {
    closures: Arc<C>,
    environment: Environment,
    states: Vec<S>,
    /// Of which groups a row has failed, where failures become NULL.
    failed: Vec<bool>,
}

impl<I, U, G, F, S, M, R> States<Closures<I, U, G, F, (S, M, R)>, S>
where
    I: Fn() -> S,
{
    fn grow(&mut self, groups: usize) {
        if groups > self.states.len() {
            self.states.resize_with(groups, &self.closures.init);
            self.failed.resize(groups, false);
        }
    }
}

impl<I, U, G, F, S, M, R> GroupStates for States<Closures<I, U, G, F, (S, M, R)>, S>
where
    S: AggregateState,
    M: 'static,
    R: Output + 'static,
    I: Fn() -> S + Send + Sync + 'static,
    U: UpdateClosure<S, M>,
    G: Fn(&mut S, S) + Send + Sync + 'static,
    F: Fn(&S) -> R + Send + Sync + 'static,
{
    fn update(&mut self, call: &Call<'_>, groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> Result<()> {
        self.grow(total);
        let before = call.rows_before();
        let chosen = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let (closures, states, groups_failed) = (&self.closures, &mut self.states, &mut self.failed);
        let mut failed = |row: usize, message| {
            if !call.failures_are_null() {
                return Err(call.error(&Failure { row, message, detail: String::new() }, before));
            }
            // A group fails once.
            call.count_failures(u64::from(!mem::replace(&mut groups_failed[groups[row]], true)));
            Ok(())
        };
        unpanicked(&call.overload.definition.name, || {
            closures.update.update_rows(call.columns, states, groups, &chosen, &mut failed)
        })
    }

    fn merge(&mut self, overload: &Overload, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        let missing = || Error::internal("a column of an aggregate's state is missing");
        let (marks, states) = states.split_last().ok_or_else(missing)?;
        let marks = marks.as_boolean_opt().ok_or_else(missing)?;
        for (row, group) in groups.iter().enumerate() {
            self.failed[*group] |= marks.is_valid(row) && marks.value(row);
        }
        let (closures, own) = (&self.closures, &mut self.states);
        unpanicked(&overload.definition.name, || {
            let others = S::read(states, groups.len())?;
            groups.iter().zip(others).for_each(|(group, other)| (closures.merge)(&mut own[*group], other));
            Ok(())
        })
    }

    fn state(&mut self, emit: Emit) -> Result<Vec<ArrayRef>> {
        let mut columns = S::write(take(&mut self.states, emit))?;
        columns.push(Arc::new(BooleanArray::from(take(&mut self.failed, emit))));
        Ok(columns)
    }

    fn finish(&mut self, overload: &Overload, emit: Emit) -> Result<ArrayRef> {
        let kept;
        let (states, failed): (&[S], &[bool]) = match emit {
            Emit::Keep => (&self.states, &self.failed),
            emit => {
                kept = (take(&mut self.states, emit), take(&mut self.failed, emit));
                (&kept.0, &kept.1)
            }
        };
        let (name, closures, environment) = (&overload.definition.name, &self.closures, &self.environment);
        unpanicked(name, || {
            let mut builder = R::builder(states.len());
            for (state, failed) in states.iter().zip(failed) {
                if *failed {
                    R::push_null(&mut builder);
                } else if let Err(message) = (closures.finish)(state).push(&mut builder) {
                    if environment.settings.on_error == OnError::Fail {
                        return Err(Error::data(format!("function '{name}' failed in finish: {message}")));
                    }
                    environment.scope.count_failures(1);
                    R::push_null(&mut builder);
                }
            }
            R::finish(builder, &overload.returns)
        })
    }

    fn grow_to(&mut self, groups: usize) {
        self.grow(groups);
    }

    fn size(&self) -> usize {
        self.states.capacity() * mem::size_of::<S>()
    }
}

fn take<S>(states: &mut Vec<S>, emit: Emit) -> Vec<S> {
    match emit {
        Emit::First(groups) => {
            let rest = states.split_off(groups.min(states.len()));
            mem::replace(states, rest)
        }
        Emit::All | Emit::Keep => mem::take(states),
    }
}
