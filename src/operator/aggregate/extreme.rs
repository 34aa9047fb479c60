//! The least or greatest struct of each group.

use std::mem;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use datafusion::arrow::compute::{not, nullif, prep_null_mask_filter};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;

use crate::error::Error;
use crate::memory::ALLOCATION;
use crate::operator::row_key::comes_back_plain;

/// `min` or `max` of structs, kept as the bytes that sort as they do.
///
/// The engine's keeps an array for each group, about a kilobyte that holds on to the texts of the batch it came from, and
/// goes over all groups for every batch.
pub(super) struct StructExtreme {
    is_min: bool,
    data_type: DataType,
    converter: RowConverter,
    /// None for a group without a value.
    best: Vec<Option<Box<[u8]>>>,
    /// Of all the boxes.
    bytes: usize,
}

/// Whether that is what the function is, of structs that have such bytes.
pub(super) fn is_struct_extreme(function: &AggregateFunctionExpr) -> bool {
    let data_type = function.field().data_type().clone();
    matches!(function.fun().name(), "min" | "max")
        && matches!(data_type, DataType::Struct(_))
        && !comes_back_plain(&data_type)
        && RowConverter::supports_fields(&[SortField::new(data_type)])
}

impl StructExtreme {
    pub(super) fn new(function: &AggregateFunctionExpr) -> Result<Self> {
        let data_type = function.field().data_type().clone();
        let converter = RowConverter::new(vec![SortField::new(data_type.clone())])?;
        Ok(Self { is_min: function.fun().name() == "min", data_type, converter, best: Vec::new(), bytes: 0 })
    }

    fn offer(&mut self, group: usize, value: &[u8]) {
        let best = &mut self.best[group];
        let is_better = |best: &[u8]| if self.is_min { value < best } else { value > best };
        if best.as_deref().is_none_or(is_better) {
            let before = best.replace(value.into());
            self.bytes += ALLOCATION + value.len();
            self.bytes -= before.map_or(0, |before| ALLOCATION + before.len());
        }
    }
}

impl GroupsAccumulator for StructExtreme {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        let Some(values) = values.first() else { return Ok(()) };
        self.best.resize(groups, None);
        let rows = self.converter.convert_columns(std::slice::from_ref(values))?;
        for (row, group) in group_indices.iter().enumerate() {
            let is_wanted = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if is_wanted && values.is_valid(row) {
                self.offer(*group, rows.row(row).data());
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let best = emit_to.take_needed(&mut self.best);
        self.bytes -= best.iter().flatten().map(|value| ALLOCATION + value.len()).sum::<usize>();
        let none = self.converter.convert_columns(&[new_null_array(&self.data_type, 1)])?;
        let parser = self.converter.parser();
        let rows = best.iter().map(|value| value.as_ref().map_or(none.row(0), |value| parser.parse(value)));
        let values = self.converter.convert_rows(rows)?.pop();
        Ok(values.ok_or_else(|| Error::internal("rows of one column have one"))?)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], groups: usize) -> Result<()> {
        self.update_batch(values, group_indices, None, groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let Some(values) = values.first() else { return Ok(Vec::new()) };
        let Some(filter) = filter else { return Ok(vec![ArrayRef::clone(values)]) };
        let unwanted = not(&prep_null_mask_filter(filter))?;
        Ok(vec![nullif(values, &unwanted)?])
    }

    fn size(&self) -> usize {
        self.bytes + self.converter.size() + self.best.capacity() * mem::size_of::<Option<Box<[u8]>>>()
    }
}
