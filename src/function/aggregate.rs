//! Aggregates of a person's own, as the engine's.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::call::{Call, Environment};
use super::overload::{Compute, Overload};
use super::signature::choose;
use super::sliding::Sliding;
use crate::error::{Error, Result};

/// How the states of groups are kept.
pub(crate) trait Groups: fmt::Debug + Send + Sync {
    /// The types of the columns that states travel in.
    fn state_types(&self) -> Vec<DataType>;

    /// States of no group yet.
    fn states(&self, environment: &Environment) -> Box<dyn GroupStates>;
}

/// The states of groups, numbered from 0.
pub(crate) trait GroupStates: Send + Sync {
    /// Takes each row that `filter` lets pass into the state of its group.
    fn update(&mut self, call: &Call<'_>, groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> Result<()>;

    /// Takes states of the same groups in.
    fn merge(&mut self, overload: &Overload, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()>;

    /// The states as columns, which leave.
    fn state(&mut self, emit: Emit) -> Result<Vec<ArrayRef>>;

    /// The results of groups.
    fn finish(&mut self, overload: &Overload, emit: Emit) -> Result<ArrayRef>;

    /// Makes first states until there are so many groups.
    fn grow_to(&mut self, groups: usize);

    /// Bytes held.
    fn size(&self) -> usize;
}

/// Which groups leave.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Emit {
    All,
    First(usize),
    /// None: a window looks at the result and goes on.
    Keep,
}

impl From<EmitTo> for Emit {
    fn from(emit: EmitTo) -> Self {
        match emit {
            EmitTo::All => Self::All,
            EmitTo::First(groups) => Self::First(groups),
        }
    }
}

/// All overloads of one name as one aggregate of the engine.
#[derive(Debug)]
pub(crate) struct Aggregates {
    name: String,
    overloads: Vec<Arc<Overload>>,
    signature: Signature,
    environment: Environment,
}

impl Aggregates {
    pub(super) fn function(name: &str, overloads: Vec<Arc<Overload>>) -> AggregateUDF {
        Self::within(name, overloads, Environment::default())
    }

    fn within(name: &str, overloads: Vec<Arc<Overload>>, environment: Environment) -> AggregateUDF {
        let signature = Signature::user_defined(Volatility::Immutable);
        AggregateUDF::new_from_impl(Self { name: name.to_string(), overloads, signature, environment })
    }

    /// The same aggregate, of the query that `environment` tells of: the engine hands its options to no accumulator.
    pub(crate) fn of_query(function: &AggregateUDF, environment: &Environment) -> Option<AggregateUDF> {
        let ours = function.inner().downcast_ref::<Self>()?;
        Some(Self::within(&ours.name, ours.overloads.clone(), environment.clone()))
    }

    fn overload(&self, types: &[DataType]) -> Result<&Arc<Overload>> {
        Ok(choose(&self.name, &self.overloads, types)?.0)
    }

    fn groups(&self, args: &AccumulatorArgs<'_>) -> Result<States> {
        if args.is_distinct {
            return Err(Error::user(format!("{} takes no DISTINCT", self.name)));
        }
        let types: Vec<DataType> = args.expr_fields.iter().map(|field| field.data_type().clone()).collect();
        let overload = Arc::clone(self.overload(&types)?);
        let Compute::Groups(groups) = &overload.compute else {
            return Err(Error::internal(format!("{} is no aggregate", self.name)));
        };
        let environment = self.environment.clone().within(&overload.definition.limits);
        let states = groups.states(&environment);
        Ok(States { states, overload, environment, types })
    }
}

/// Which query it belongs to makes no other function of it.
impl PartialEq for Aggregates {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.overloads.iter().zip(&other.overloads);
        self.overloads.len() == other.overloads.len() && pairs.all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl Eq for Aggregates {}

impl Hash for Aggregates {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.overloads.iter().for_each(|overload| Arc::as_ptr(overload).hash(state));
    }
}

impl AggregateUDFImpl for Aggregates {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        Ok(self.overload(types)?.returns.clone())
    }

    fn coerce_types(&self, types: &[DataType]) -> EngineResult<Vec<DataType>> {
        Ok(choose(&self.name, &self.overloads, types)?.1)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> EngineResult<Vec<FieldRef>> {
        let types: Vec<DataType> = args.input_fields.iter().map(|field| field.data_type().clone()).collect();
        let Compute::Groups(groups) = &self.overload(&types)?.compute else { return Ok(Vec::new()) };
        let field = |(at, data_type)| Arc::new(Field::new(format!("{}[state {at}]", args.name), data_type, true));
        Ok(groups.state_types().into_iter().enumerate().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        let mut states = self.groups(&args)?;
        states.states.grow_to(1);
        Ok(Box::new(One(states)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn Accumulator>> {
        let mut states = self.groups(&args)?;
        states.states.grow_to(1);
        Ok(Box::new(Sliding::new(One(states))))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> EngineResult<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.groups(&args)?))
    }

    /// The result of no row.
    fn default_value(&self, data_type: &DataType) -> EngineResult<ScalarValue> {
        ScalarValue::try_from(data_type)
    }
}

/// States with what they need to be updated.
struct States {
    states: Box<dyn GroupStates>,
    overload: Arc<Overload>,
    environment: Environment,
    types: Vec<DataType>,
}

impl States {
    fn update(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        debug_assert!(columns.iter().zip(&self.types).all(|(column, kind)| column.data_type() == kind));
        let site = Arc::as_ptr(&self.overload) as usize;
        let environment = &self.environment;
        let call = Call { overload: &self.overload, columns, rows: groups.len(), site, environment };
        self.states.update(&call, groups, filter, total)
    }
}

impl GroupsAccumulator for States {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> EngineResult<()> {
        Ok(self.update(values, groups, filter, total)?)
    }

    fn evaluate(&mut self, emit: EmitTo) -> EngineResult<ArrayRef> {
        Ok(self.states.finish(&self.overload, emit.into())?)
    }

    fn state(&mut self, emit: EmitTo) -> EngineResult<Vec<ArrayRef>> {
        Ok(self.states.state(emit.into())?)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> EngineResult<()> {
        Ok(self.states.merge(&self.overload, values, groups, total)?)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> EngineResult<Vec<ArrayRef>> {
        let Compute::Groups(groups) = &self.overload.compute else { return Ok(Vec::new()) };
        let rows = values.first().map_or(0, |column| column.len());
        let each: Vec<usize> = (0..rows).collect();
        let mut states = Self {
            states: groups.states(&self.environment),
            overload: Arc::clone(&self.overload),
            environment: self.environment.clone(),
            types: self.types.clone(),
        };
        states.update(values, &each, filter, rows)?;
        Ok(states.states.state(Emit::All)?)
    }

    fn size(&self) -> usize {
        self.states.size()
    }
}

/// The state of one group alone.
pub(super) struct One(States);

impl One {
    /// Forgets all rows.
    pub(super) fn begin_anew(&mut self) {
        if let Compute::Groups(groups) = &self.0.overload.compute {
            self.0.states = groups.states(&self.0.environment);
            self.0.states.grow_to(1);
        }
    }
}

impl fmt::Debug for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.overload.definition.name)
    }
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> EngineResult<()> {
        let rows = values.first().map_or(0, |column| column.len());
        Ok(self.0.update(values, &vec![0; rows], None, 1)?)
    }

    fn evaluate(&mut self) -> EngineResult<ScalarValue> {
        let States { states, overload, .. } = &mut self.0;
        ScalarValue::try_from_array(&states.finish(overload, Emit::Keep)?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.states.size()
    }

    fn state(&mut self) -> EngineResult<Vec<ScalarValue>> {
        let columns = self.0.states.state(Emit::All)?;
        self.0.states.grow_to(1);
        columns.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> EngineResult<()> {
        let rows = states.first().map_or(0, |column| column.len());
        Ok(self.0.states.merge(&self.0.overload, states, &vec![0; rows], 1)?)
    }
}
