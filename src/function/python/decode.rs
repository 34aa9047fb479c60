//! Columns that come back from Python.

use std::sync::Arc;

use datafusion::arrow::array::ArrayData;
use datafusion::arrow::array::{
    ArrayRef, BinaryViewBuilder, BooleanArray, ListArray, MapArray, NullArray, StringViewBuilder, StructArray,
    make_array,
};
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, FieldRef};

use super::columns::cast;
use crate::error::{Error, Result};

/// What a worker sent, read from its front.
pub(super) struct Reply<'a>(pub(super) &'a [u8]);

fn cut_short() -> Error {
    Error::internal("the answer of a Python worker is cut short")
}

impl<'a> Reply<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or_else(cut_short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<usize> {
        let bytes = self.take(8)?.try_into().map_err(|_| cut_short())?;
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| cut_short())
    }

    fn lengths(&mut self, rows: usize) -> Result<Vec<usize>> {
        let bytes = self.take(rows.checked_mul(4).ok_or_else(cut_short)?)?;
        Ok(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize).collect())
    }

    /// A column of `rows` values of a plain type.
    ///
    /// Errors: bytes that are no such column; values that have no room in it.
    pub(super) fn column(&mut self, data_type: &DataType, rows: usize) -> Result<ArrayRef> {
        let nulls = match self.take(1)? {
            [0] => None,
            _ => Some(NullBuffer::from_iter(self.take(rows)?.iter().map(|there| *there != 0))),
        };
        Ok(match data_type {
            DataType::Null => Arc::new(NullArray::new(rows)),
            DataType::Boolean => {
                let values = self.take(rows)?.iter().map(|value| *value != 0).collect();
                Arc::new(BooleanArray::new(values, nulls))
            }
            DataType::Utf8View => self.text(rows, nulls.as_ref())?,
            kind if kind.is_decimal() => cast(&self.text(rows, nulls.as_ref())?, data_type)?,
            DataType::BinaryView => self.binary(rows, nulls.as_ref())?,
            DataType::List(item) => {
                let (offsets, total) = self.offsets(rows)?;
                let values = self.column(item.data_type(), total)?;
                Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, nulls)?)
            }
            DataType::Struct(fields) => Arc::new(self.fields(fields, rows, nulls)?),
            DataType::Map(entries, sorted) => {
                let DataType::Struct(pair) = entries.data_type() else { return Err(cut_short()) };
                let (offsets, total) = self.offsets(rows)?;
                let pairs = self.fields(pair, total, None)?;
                Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *sorted)?)
            }
            kind => self.numbers(kind, rows, nulls)?,
        })
    }

    fn numbers(&mut self, kind: &DataType, rows: usize, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let width = kind.primitive_width().ok_or_else(cut_short)?;
        let buffer = Buffer::from(self.take(rows.checked_mul(width).ok_or_else(cut_short)?)?);
        let data = ArrayData::builder(kind.clone()).len(rows).add_buffer(buffer).nulls(nulls).build()?;
        Ok(make_array(data))
    }

    fn fields(
        &mut self,
        fields: &datafusion::arrow::datatypes::Fields,
        rows: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<StructArray> {
        let column = |field: &FieldRef| self.column(field.data_type(), rows);
        let columns = fields.iter().map(column).collect::<Result<Vec<_>>>()?;
        Ok(StructArray::try_new_with_length(fields.clone(), columns, nulls, rows)?)
    }

    fn offsets(&mut self, rows: usize) -> Result<(OffsetBuffer<i32>, usize)> {
        let lengths = self.lengths(rows)?;
        let (total, sum) = (self.number()?, lengths.iter().sum::<usize>());
        if total != sum || i32::try_from(sum).is_err() {
            return Err(Error::data(format!("the lists of a batch hold {sum} elements, and at most 2^31 have room")));
        }
        Ok((OffsetBuffer::from_lengths(lengths), total))
    }

    fn parts(&mut self, rows: usize) -> Result<impl Iterator<Item = Result<&'a [u8]>>> {
        let lengths = self.lengths(rows)?;
        let bytes = self.number()?;
        let mut rest = Reply(self.take(bytes)?);
        Ok(lengths.into_iter().map(move |length| rest.take(length)))
    }

    fn text(&mut self, rows: usize, nulls: Option<&NullBuffer>) -> Result<ArrayRef> {
        let mut builder = StringViewBuilder::with_capacity(rows);
        for (row, part) in self.parts(rows)?.enumerate() {
            if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                builder.append_null();
            } else {
                let text = std::str::from_utf8(part?).map_err(|_| Error::data("a Python worker gave no Unicode"))?;
                builder.try_append_value(text)?;
            }
        }
        Ok(Arc::new(builder.finish()))
    }

    fn binary(&mut self, rows: usize, nulls: Option<&NullBuffer>) -> Result<ArrayRef> {
        let mut builder = BinaryViewBuilder::with_capacity(rows);
        for (row, part) in self.parts(rows)?.enumerate() {
            match part? {
                _ if nulls.is_some_and(|nulls| nulls.is_null(row)) => builder.append_null(),
                part => builder.try_append_value(part)?,
            }
        }
        Ok(Arc::new(builder.finish()))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Array;

    use super::*;
    use crate::function::python::columns::encode;

    /// Text with a NUL inside is written another way.
    #[test]
    fn numbers_come_back_as_they_went() {
        let array: ArrayRef = Arc::new(datafusion::arrow::array::Int64Array::from(vec![Some(1), None, Some(i64::MIN)]));
        let sliced = array.slice(1, 2);
        let mut bytes = Vec::new();
        encode(&sliced, &mut bytes).unwrap();
        let mut reply = Reply(&bytes);
        assert_eq!(&reply.column(&DataType::Int64, 2).unwrap(), &sliced);
        assert!(reply.0.is_empty());
    }

    #[test]
    fn an_answer_that_is_cut_short_is_an_error() {
        for kind in [DataType::Int64, DataType::Utf8View, DataType::Boolean] {
            assert!(Reply(&[0, 1, 2]).column(&kind, 9).is_err(), "{kind}");
        }
    }
}
