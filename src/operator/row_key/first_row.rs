//! The first row of each group.

use std::cmp::Ordering;
use std::mem;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, UInt32Array};
use datafusion::arrow::compute::{not, nullif, prep_null_mask_filter, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::encoding::KeyEncoding;
use crate::error::Error;
use crate::memory::ALLOCATION;

/// Its name.
pub(crate) const FIRST_ROW: &str = "first_row";

/// `first_row(order, values…)`: of the rows of a group, the one with the least `order`, which is a key; its values as one
/// key, of that encoding.
///
/// The engine finds each value by itself: `SELECT DISTINCT ON (k) * … ORDER BY k, d` compares the order of every row as
/// often as there are columns, and holds it as often for each group, as values of their own.
///
/// ```text
/// group 0  ┌───────┬─────────────────┐      of a batch, the first row of each group is found
///          │ order │ values, encoded │      by its order alone; only the values of those that
/// group 1  ├───────┼─────────────────┤      come before what the group has are encoded
///          │ order │ values, encoded │
///          └───────┴─────────────────┘
/// ```
pub(crate) fn first_row(encoding: Arc<KeyEncoding>) -> AggregateUDF {
    AggregateUDF::new_from_impl(FirstRow { signature: Signature::variadic_any(Volatility::Immutable), encoding })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FirstRow {
    signature: Signature,
    encoding: Arc<KeyEncoding>,
}

impl AggregateUDFImpl for FirstRow {
    fn name(&self) -> &str {
        FIRST_ROW
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::BinaryView)
    }

    fn accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup(FirstRows::new(Arc::clone(&self.encoding)))))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |of| Arc::new(Field::new(format_state_name(args.name, of), DataType::BinaryView, true));
        Ok(vec![field("order"), field("row")])
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(FirstRows::new(Arc::clone(&self.encoding))))
    }
}

/// A row with its order before it.
#[derive(Debug)]
struct First {
    bytes: Box<[u8]>,
    /// How many of the bytes are the order.
    order: usize,
}

impl First {
    fn order(&self) -> &[u8] {
        &self.bytes[..self.order]
    }

    fn row(&self) -> &[u8] {
        &self.bytes[self.order..]
    }

    fn size(&self) -> usize {
        ALLOCATION + self.bytes.len()
    }
}

/// No row of the batch at hand.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct FirstRows {
    encoding: Arc<KeyEncoding>,
    /// None for a group without a row.
    firsts: Vec<Option<First>>,
    /// Of all rows.
    bytes: usize,
    /// For each group, the row of the batch at hand that comes before the one it has; [`NONE`] between batches.
    better: Vec<u32>,
}

impl FirstRows {
    fn new(encoding: Arc<KeyEncoding>) -> Self {
        Self { encoding, firsts: Vec::new(), bytes: 0, better: Vec::new() }
    }

    /// The groups that have a row in the batch that comes before theirs, and those rows. Of equal ones the first stays.
    fn better(
        &mut self,
        orders: &BinaryViewArray,
        groups: &[usize],
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<(usize, u32)> {
        let mut found = Vec::new();
        for (row, &group) in groups.iter().enumerate() {
            if orders.is_null(row) || !wanted(row) {
                continue;
            }
            let (better, order) = (self.better[group], orders.value(row));
            let comes_before = match (better, &self.firsts[group]) {
                (NONE, None) => true,
                (NONE, Some(first)) => order.cmp(first.order()) == Ordering::Less,
                (better, _) => order < orders.value(better as usize),
            };
            if comes_before {
                if better == NONE {
                    found.push(group);
                }
                self.better[group] = row as u32;
            }
        }
        found.into_iter().map(|group| (group, mem::replace(&mut self.better[group], NONE))).collect()
    }

    fn resize(&mut self, groups: usize) {
        self.firsts.resize_with(groups, || None);
        self.better.resize(groups, NONE);
    }

    fn put(&mut self, group: usize, order: &[u8], row: &[u8]) {
        let first = &mut self.firsts[group];
        match first {
            Some(first) if first.bytes.len() == order.len() + row.len() => {
                let (to_order, to_row) = first.bytes.split_at_mut(order.len());
                to_order.copy_from_slice(order);
                to_row.copy_from_slice(row);
                first.order = order.len();
            }
            first => {
                let new = First { bytes: [order, row].concat().into(), order: order.len() };
                self.bytes += new.size();
                self.bytes -= first.replace(new).map_or(0, |before| before.size());
            }
        }
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Option<First>> {
        let firsts = emit_to.take_needed(&mut self.firsts);
        emit_to.take_needed(&mut self.better);
        self.bytes -= firsts.iter().flatten().map(First::size).sum::<usize>();
        firsts
    }
}

/// The order and the values of the arguments.
fn split(values: &[ArrayRef]) -> Result<(&BinaryViewArray, &[ArrayRef])> {
    match values {
        [order, values @ ..] => Ok((order.as_binary_view(), values)),
        [] => Err(Error::internal("the first row of nothing").into()),
    }
}

fn rows(firsts: &[Option<First>]) -> ArrayRef {
    Arc::new(firsts.iter().map(|first| first.as_ref().map(First::row)).collect::<BinaryViewArray>())
}

impl GroupsAccumulator for FirstRows {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        let (orders, values) = split(values)?;
        self.resize(groups);
        let wanted = |row| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let better = self.better(orders, group_indices, wanted);
        let places = UInt32Array::from_iter_values(better.iter().map(|(_, row)| *row));
        let values = values.iter().map(|column| take(column, &places, None)).collect::<Result<Vec<_>, _>>()?;
        let rows = self.encoding.encode(&values, better.len())?;
        for (place, (group, row)) in better.into_iter().enumerate() {
            self.put(group, orders.value(row as usize), rows.value(place));
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        let (orders, rows) = split(values)?;
        let [rows] = rows else {
            return Err(Error::internal("the state of a first row is its order and the row").into());
        };
        self.resize(groups);
        for (group, row) in self.better(orders, group_indices, |_| true) {
            self.put(group, orders.value(row as usize), rows.as_binary_view().value(row as usize));
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(rows(&self.take(emit_to)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let firsts = self.take(emit_to);
        let orders = firsts.iter().map(|first| first.as_ref().map(First::order)).collect::<BinaryViewArray>();
        Ok(vec![Arc::new(orders), rows(&firsts)])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let (orders, values) = split(values)?;
        let rows: ArrayRef = Arc::new(self.encoding.encode(values, orders.len())?);
        let orders: ArrayRef = Arc::new(orders.clone());
        let Some(filter) = filter else { return Ok(vec![orders, rows]) };
        Ok(vec![nullif(&orders, &not(&prep_null_mask_filter(filter))?)?, rows])
    }

    /// What it takes when its rows are given out, which copies them.
    fn size(&self) -> usize {
        let groups =
            self.firsts.capacity() * mem::size_of::<Option<First>>() + self.better.capacity() * mem::size_of::<u32>();
        2 * self.bytes + groups + self.encoding.size()
    }
}

/// The same of one group.
#[derive(Debug)]
struct OneGroup(FirstRows);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |orders| orders.len());
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |orders| orders.len());
        self.0.merge_batch(states, &vec![0; rows], 1)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.resize(1);
        self.0.state(EmitTo::All)?.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.resize(1);
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
