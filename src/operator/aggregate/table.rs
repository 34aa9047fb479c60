//! Groups and their states in memory.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, ArrayRef, AsArray};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use super::shape::{Evaluated, Rows, Shape};
use crate::memory::copied_bytes;
use crate::operator::spill::compact;

/// A hash table of groups with an accumulator for each function.
pub(super) struct Table {
    shape: Arc<Shape>,
    groups: Box<dyn GroupValues>,
    accumulators: Vec<Box<dyn GroupsAccumulator>>,
    /// The group of each row of the batch at hand.
    indices: Vec<usize>,
    /// The bytes of texts that accumulators of lists hold on to, and do not count.
    texts: usize,
    lists: Lists,
}

/// The bytes that accumulators of lists tell of. They look at every batch that they have seen to tell them: they are
/// asked when an eighth has come to what they last told.
struct Lists {
    /// The functions.
    functions: Vec<usize>,
    told: usize,
    /// Of the arguments that have come since.
    since: usize,
}

impl Lists {
    fn of(shape: &Shape) -> Self {
        let functions = shape.functions().iter().enumerate();
        let lists = functions.filter(|(place, list)| shape.is_list(*place) && list.groups_accumulator_supported());
        Self { functions: lists.map(|(place, _)| place).collect(), told: 0, since: 0 }
    }

    /// Values of one of them have come, or lists of values.
    fn count(&mut self, values: &ArrayRef) {
        let elements = values.as_list_opt::<i32>().map_or(0, |lists| lists.values().len());
        // With the group and the row of each.
        self.since += copied_bytes(values) + 8 * values.len().max(elements);
    }

    fn ask(&mut self, accumulators: &[Box<dyn GroupsAccumulator>]) {
        if 8 * self.since >= self.told {
            self.told = self.functions.iter().map(|list| accumulators[*list].size()).sum();
            self.since = 0;
        }
    }

    fn bytes(&self) -> usize {
        self.told + self.since
    }
}

impl Table {
    pub(super) fn new(shape: &Arc<Shape>) -> Result<Self> {
        Ok(Self {
            groups: new_group_values(Arc::clone(shape.groups()), &GroupOrdering::None)?,
            accumulators: shape.accumulators()?,
            shape: Arc::clone(shape),
            indices: Vec::new(),
            texts: 0,
            lists: Lists::of(shape),
        })
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(super) fn add(&mut self, batch: &RecordBatch, rows: Rows) -> Result<()> {
        let Evaluated { groups, mut arguments, merges } = self.shape.evaluate(batch, rows)?;
        for function in (0..arguments.len()).filter(|function| self.shape.is_list(*function)) {
            for values in &mut arguments[function].0 {
                *values = compact(ArrayRef::clone(values))?;
                self.texts += groups.len() * text_bytes(&values.to_data());
                (0..groups.len()).for_each(|_| self.lists.count(values));
            }
        }
        for groups in &groups {
            self.groups.intern(groups, &mut self.indices)?;
            let count = self.groups.len();
            for (accumulator, (values, filter)) in self.accumulators.iter_mut().zip(&arguments) {
                match merges {
                    true => accumulator.merge_batch(values, &self.indices, count)?,
                    false => accumulator.update_batch(values, &self.indices, filter.as_ref(), count)?,
                }
            }
        }
        self.lists.ask(&self.accumulators);
        Ok(())
    }

    /// The bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        let others = self.accumulators.iter().enumerate().filter(|(place, _)| !self.lists.functions.contains(place));
        let states = self.lists.bytes() + others.map(|(_, accumulator)| accumulator.size()).sum::<usize>();
        self.shape.copies_of_groups() * self.groups.size()
            + self.texts
            + self.shape.copies() * states
            + size_of::<usize>() * self.indices.capacity()
    }

    /// The most bytes it may hold while it takes `rows` more rows: a hash table that is full is copied to one twice as
    /// large, and so are the vectors of states.
    pub(super) fn bytes_with(&self, rows: usize) -> usize {
        let groups = self.groups.len();
        let buckets = (groups * 8 / 7).next_power_of_two();
        if groups + rows > buckets / 8 * 7 { 2 * self.bytes() } else { self.bytes() }
    }

    /// The states of all groups, which are forgotten.
    pub(super) fn take_states(&mut self) -> Result<RecordBatch> {
        let states = self.emit(Arc::clone(self.shape.state()), |accumulator| accumulator.state(EmitTo::All))?;
        self.groups.clear_shrink(0);
        self.indices = Vec::new();
        self.texts = 0;
        self.lists = Lists::of(&self.shape);
        Ok(states)
    }

    /// The result of all groups.
    pub(super) fn into_results(mut self) -> Result<RecordBatch> {
        self.emit(Arc::clone(self.shape.output()), |accumulator| Ok(vec![accumulator.evaluate(EmitTo::All)?]))
    }

    fn emit<F>(&mut self, schema: SchemaRef, values: F) -> Result<RecordBatch>
    where
        F: Fn(&mut Box<dyn GroupsAccumulator>) -> Result<Vec<ArrayRef>>,
    {
        if self.is_empty() {
            return Ok(RecordBatch::new_empty(schema));
        }
        let mut columns = self.groups.emit(EmitTo::All)?;
        for accumulator in &mut self.accumulators {
            columns.extend(values(accumulator)?);
        }
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

/// The bytes of the texts that views point at, in the array or in any list or struct of it. A list keeps arrays as they
/// come and counts their views alone.
fn text_bytes(values: &ArrayData) -> usize {
    let own = match values.data_type() {
        // The first buffer is that of the views.
        DataType::Utf8View | DataType::BinaryView => values.buffers().iter().skip(1).map(Buffer::len).sum(),
        _ => 0,
    };
    own + values.child_data().iter().map(text_bytes).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ListArray, StringViewArray};
    use datafusion::arrow::buffer::OffsetBuffer;
    use datafusion::arrow::datatypes::Field;

    use super::*;

    #[test]
    fn texts_count_where_they_are() {
        let words: StringViewArray = ["short", "longer than what a view has room for"].into_iter().map(Some).collect();
        assert_eq!(text_bytes(&words.to_data()), 36);
        let field = Arc::new(Field::new_list_field(DataType::Utf8View, true));
        let list = ListArray::new(field, OffsetBuffer::from_lengths([2]), Arc::new(words), None);
        assert_eq!(text_bytes(&list.to_data()), 36);
    }
}
