//! The aggregate itself, to be run over its input and over states from disk.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::aggregates::{
    AggregateExec, AggregateInputMode, AggregateMode, PhysicalGroupBy, aggregate_expressions, evaluate_group_by,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::extreme::{StructExtreme, is_struct_extreme};
use crate::operator::row_key::FIRST_ROW;
use crate::operator::spill::Side;

/// What the rows of a batch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// The operator's input: rows, or states of a partial aggregate below.
    Input,
    /// States of groups that this operator has written to disk.
    States,
}

/// An aggregate without its input: groups, functions and their arguments.
#[derive(Debug)]
pub(super) struct Shape {
    group_by: Arc<PhysicalGroupBy>,
    functions: Vec<Arc<AggregateFunctionExpr>>,
    filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
    input_is_raw: bool,
    input: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    states: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    raw: SchemaRef,
    groups: SchemaRef,
    state: SchemaRef,
    output: SchemaRef,
}

/// One batch, evaluated: the values of each grouping set, and of each function's arguments.
pub(super) struct Evaluated {
    pub(super) groups: Vec<Vec<ArrayRef>>,
    pub(super) arguments: Vec<(Vec<ArrayRef>, Option<BooleanArray>)>,
    /// Whether the arguments are states, to be merged.
    pub(super) merges: bool,
}

impl Shape {
    pub(super) fn new(aggregate: &AggregateExec) -> Result<Self> {
        let group_by = Arc::new(aggregate.group_expr().clone());
        let functions = aggregate.aggr_expr().to_vec();
        let groups = group_by.group_schema(&aggregate.input().schema())?;
        let base = group_by.num_group_exprs();
        let mut fields = groups.fields().to_vec();
        for function in &functions {
            fields.extend(function.state_fields()?.iter().cloned());
        }
        Ok(Self {
            input_is_raw: aggregate.mode().input_mode() == AggregateInputMode::Raw,
            input: aggregate_expressions(&functions, aggregate.mode(), base)?,
            states: aggregate_expressions(&functions, &AggregateMode::Final, base)?,
            filters: aggregate.filter_expr().to_vec(),
            group_by,
            functions,
            raw: aggregate.input_schema(),
            groups,
            state: Arc::new(Schema::new(fields)),
            output: aggregate.schema(),
        })
    }

    /// The columns that make a group.
    pub(super) fn groups(&self) -> &SchemaRef {
        &self.groups
    }

    /// The groups and the state of each function.
    pub(super) fn state(&self) -> &SchemaRef {
        &self.state
    }

    /// What comes out.
    pub(super) fn output(&self) -> &SchemaRef {
        &self.output
    }

    /// The states for a partitioner.
    pub(super) fn side(&self, level: usize) -> Side {
        let column = |(index, field): (usize, &Arc<_>)| Arc::new(named(field, index)) as _;
        let keys = self.groups.fields().iter().enumerate().map(column).collect();
        // A NULL is a group like any other.
        Side { schema: Arc::clone(&self.state), keys, nulls: datafusion::common::NullEquality::NullEqualsNull, level }
    }

    pub(super) fn functions(&self) -> &[Arc<AggregateFunctionExpr>] {
        &self.functions
    }

    /// The columns of the rows that were aggregated first of all.
    pub(super) fn input_schema(&self) -> &SchemaRef {
        &self.raw
    }

    /// Where among all values, in their order, the one is that the function gives; see [`quantile`].
    pub(super) fn quantile(&self, function: usize) -> Option<f64> {
        quantile(&self.functions[function])
    }

    /// Whether any function is a quantile.
    pub(super) fn takes_quantile(&self) -> bool {
        (0..self.functions.len()).any(|function| self.quantile(function).is_some())
    }

    /// Whether states grow with every row, and are none the smaller for having been merged: lists, and texts put together.
    pub(super) fn keeps_values(&self) -> bool {
        self.puts_texts_together() || self.has_state(DataType::is_list)
    }

    fn puts_texts_together(&self) -> bool {
        self.functions.iter().any(|function| function.fun().name() == "string_agg")
    }

    fn has_state(&self, is: impl Fn(&DataType) -> bool) -> bool {
        self.state.fields().iter().skip(self.groups.fields().len()).any(|field| is(field.data_type()))
    }

    /// Whether the state of that function is a list of all values.
    pub(super) fn is_list(&self, function: usize) -> bool {
        let fields = self.functions[function].state_fields();
        let is_list = fields.is_ok_and(|fields| fields.iter().any(|field| field.data_type().is_list()));
        is_list && !self.functions[function].is_distinct()
    }

    /// How many times the bytes that states tell of themselves they take at most. Lists, structs and texts are copied
    /// where states are written and results are made; texts put together have room to grow, which they do not tell, and so
    /// has the copy of them.
    pub(super) fn copies(&self) -> usize {
        match self.puts_texts_together() {
            true => 4,
            false if self.has_state(DataType::is_nested) || self.keeps_texts() => 2,
            false => 1,
        }
    }

    /// Whether any function keeps a text of each group, such as the greatest, and does not count the copy of it: a first row
    /// does.
    fn keeps_texts(&self) -> bool {
        let of_text = |function: &Arc<AggregateFunctionExpr>| {
            let field = function.field();
            (field.data_type().is_string() || is_binary(field.data_type())) && function.fun().name() != FIRST_ROW
        };
        self.functions.iter().any(of_text)
    }

    /// How many times the bytes of groups are taken at most: lists and structs are kept as encoded rows, and when they go
    /// out, each element is looked at, copied, and put into an array, all beside those rows.
    pub(super) fn copies_of_groups(&self) -> usize {
        if self.groups.fields().iter().any(|field| field.data_type().is_nested()) { 4 } else { 1 }
    }

    /// The accumulator of each function for one group.
    pub(super) fn row_accumulators(&self) -> Result<Vec<Box<dyn Accumulator>>> {
        self.functions.iter().map(|function| function.create_accumulator()).collect()
    }

    /// An accumulator of many groups for each function.
    pub(super) fn accumulators(&self) -> Result<Vec<Box<dyn GroupsAccumulator>>> {
        self.functions.iter().map(accumulator).collect()
    }

    /// Whether such rows are groups with their states.
    pub(super) fn has_states(&self, rows: Rows) -> bool {
        rows == Rows::States || !self.input_is_raw
    }

    /// Whether each of such rows can be a group with its states by itself: not where a row makes a sketch of many bytes. A first
    /// row has bytes, too, but no more than the row.
    pub(super) fn can_be_states(&self, rows: Rows) -> bool {
        let is_small = |field: &FieldRef| !field.data_type().is_nested() && !is_binary(field.data_type());
        let is_small = |function: &Arc<AggregateFunctionExpr>| {
            grows_with_rows(function)
                || function.fun().name() == FIRST_ROW
                || function.state_fields().is_ok_and(|fields| fields.iter().all(is_small))
        };
        self.has_states(rows) || (self.group_by.is_single() && self.functions.iter().all(is_small))
    }

    /// A batch of groups with their states, each row one by itself, as it is written to disk.
    pub(super) fn as_states(&self, batch: &RecordBatch, rows: Rows) -> Result<RecordBatch> {
        let columns = if self.has_states(rows) { batch.columns().to_vec() } else { self.states_of_rows(batch)? };
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.state), columns, &options)?)
    }

    fn states_of_rows(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let Evaluated { groups, arguments, .. } = self.evaluate(batch, Rows::Input)?;
        let mut columns: Vec<_> = groups.into_iter().take(1).flatten().collect();
        for (function, (mut values, filter)) in self.functions.iter().zip(arguments) {
            // The share of a quantile is no part of its state, and the engine fails where it is there.
            values.truncate(if quantile(function).is_some() { 1 } else { values.len() });
            columns.extend(accumulator(function)?.convert_to_state(&values, filter.as_ref())?);
        }
        Ok(columns)
    }

    pub(super) fn evaluate(&self, batch: &RecordBatch, rows: Rows) -> Result<Evaluated> {
        let is_raw = rows == Rows::Input && self.input_is_raw;
        let groups = match rows {
            Rows::Input => evaluate_group_by(&self.group_by, batch)?,
            Rows::States => vec![batch.columns()[..self.groups.fields().len()].to_vec()],
        };
        let expressions = if rows == Rows::Input { &self.input } else { &self.states };
        let arguments = expressions.iter().zip(&self.filters).map(|(expressions, filter)| {
            let filter = filter.as_ref().filter(|_| is_raw).map(|filter| evaluate(filter, batch)).transpose()?;
            let filter = filter.map(|filter| filter.as_boolean().clone());
            Ok((expressions.iter().map(|value| evaluate(value, batch)).collect::<Result<_>>()?, filter))
        });
        Ok(Evaluated { groups, arguments: arguments.collect::<Result<_>>()?, merges: !is_raw })
    }
}

/// The share of all values that are not NULL that come before the one that the function gives, from 0 to 1: 0.5 for a
/// median. The state of such a function is a list of all values, of which one or two matter.
pub(in crate::operator) fn quantile(function: &AggregateFunctionExpr) -> Option<f64> {
    match function.fun().name() {
        _ if function.is_distinct() => None,
        "median" => Some(0.5),
        "percentile_cont" => percentile(function),
        _ => None,
    }
}

/// The second argument of `percentile_cont`, from the other end where the values are in descending order.
fn percentile(function: &AggregateFunctionExpr) -> Option<f64> {
    let arguments = function.expressions();
    let share = match arguments.get(1)?.downcast_ref::<Literal>()?.value() {
        ScalarValue::Float64(share) => (*share)?,
        ScalarValue::Float32(share) => f64::from((*share)?),
        _ => return None,
    };
    let is_descending = function.order_bys().first().is_some_and(|order| order.options.descending);
    let share = if is_descending { 1.0 - share } else { share };
    (0.0..=1.0).contains(&share).then_some(share)
}

/// Whether to aggregate some rows first is no help: the state of a group grows with each of its rows, or the engine takes
/// more for it than rows do.
pub(crate) fn wants_all_rows(function: &AggregateFunctionExpr) -> bool {
    grows_with_rows(function) || is_struct_extreme(function) || function.fun().name() == "nth_value"
}

/// Whether the state of a group grows with each of its rows.
pub(super) fn grows_with_rows(function: &AggregateFunctionExpr) -> bool {
    (collects(function) && !function.is_distinct()) || quantile(function).is_some()
}

/// Whether the function makes one value of all of its arguments.
pub(in crate::operator) fn collects(function: &AggregateFunctionExpr) -> bool {
    matches!(function.fun().name(), "array_agg" | "string_agg")
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

fn named(field: &Arc<datafusion::arrow::datatypes::Field>, index: usize) -> Column {
    Column::new(field.name(), index)
}

fn evaluate(expression: &Arc<dyn PhysicalExpr>, batch: &RecordBatch) -> Result<ArrayRef> {
    expression.evaluate(batch)?.into_array(batch.num_rows())
}

fn accumulator(function: &Arc<AggregateFunctionExpr>) -> Result<Box<dyn GroupsAccumulator>> {
    if is_struct_extreme(function) {
        return Ok(Box::new(StructExtreme::new(function)?));
    }
    if function.groups_accumulator_supported() {
        return function.create_groups_accumulator();
    }
    let function = Arc::clone(function);
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || function.create_accumulator())))
}
