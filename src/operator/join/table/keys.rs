//! Keys in a form that is compared fast.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use datafusion::common::utils::normalize_float_zero;
use datafusion::common::{NullEquality, Result};
use datafusion::physical_plan::PhysicalExpr;

use crate::operator::spill::evaluate;

/// Another seed than those of the partitioner: rows of a partition differ in this hash.
const SEED: u64 = 0x5041_5254_4954_4142;

/// The keys of the rows of one batch, or of a table.
pub(super) enum Keys {
    /// All keys of a row side by side in 8 bytes.
    Narrow(Vec<u64>),
    /// In 16 bytes.
    Wide(Vec<u128>),
    /// In any number of them, in arrow's row format.
    Bytes(Rows),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Narrow,
    Wide,
    Bytes,
}

/// Reads keys from the rows of either side of a join, in one form.
pub(super) struct KeyReader {
    types: Vec<DataType>,
    form: Form,
    converter: RowConverter,
    nulls: NullEquality,
}

/// The keys of some rows with their hashes, and which of them can be equal to any at all.
pub(super) struct HashedKeys {
    pub(super) keys: Keys,
    pub(super) hashes: Vec<u64>,
    pub(super) matchable: Option<NullBuffer>,
}

impl KeyReader {
    /// For keys of the types that `keys` have in `schema`; those of the other side are cast to them.
    pub(super) fn new(keys: &[Arc<dyn PhysicalExpr>], schema: &Schema, nulls: NullEquality) -> Result<Self> {
        let types = keys.iter().map(|key| key.data_type(schema)).collect::<Result<Vec<_>>>()?;
        let width: Option<usize> = types.iter().map(DataType::primitive_width).sum();
        let form = match width {
            // A NULL has no number of its own.
            _ if nulls == NullEquality::NullEqualsNull => Form::Bytes,
            Some(..=8) => Form::Narrow,
            Some(..=16) => Form::Wide,
            _ => Form::Bytes,
        };
        let fields = types.iter().cloned().map(SortField::new).collect();
        Ok(Self { types, form, converter: RowConverter::new(fields)?, nulls })
    }

    /// The keys of `batch` alone.
    pub(super) fn keys(&self, keys: &[Arc<dyn PhysicalExpr>], batch: &RecordBatch) -> Result<Keys> {
        self.read(&self.arrays(keys, batch)?)
    }

    /// Hashes and NULLs of the keys of `batch`, without the keys.
    pub(super) fn hashes(
        &self,
        keys: &[Arc<dyn PhysicalExpr>],
        batch: &RecordBatch,
    ) -> Result<(Vec<u64>, Option<NullBuffer>)> {
        self.hash(&self.arrays(keys, batch)?)
    }

    pub(super) fn hashed(&self, keys: &[Arc<dyn PhysicalExpr>], batch: &RecordBatch) -> Result<HashedKeys> {
        let arrays = self.arrays(keys, batch)?;
        let (hashes, matchable) = self.hash(&arrays)?;
        Ok(HashedKeys { keys: self.read(&arrays)?, hashes, matchable })
    }

    fn arrays(&self, keys: &[Arc<dyn PhysicalExpr>], batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let arrays = evaluate(keys, batch)?.into_iter().zip(&self.types);
        // As for the engine, -0.0 is 0.0; NaN is NaN.
        let same = |key: ArrayRef, to| if key.data_type() == to { Ok(key) } else { cast(&key, to) };
        arrays.map(|(key, to)| Ok(normalize_float_zero(&same(key, to)?))).collect()
    }

    fn hash(&self, arrays: &[ArrayRef]) -> Result<(Vec<u64>, Option<NullBuffer>)> {
        let mut hashes = vec![0; arrays.first().map_or(0, |array| array.len())];
        create_hashes(arrays, &RandomState::with_seed(SEED), &mut hashes)?;
        let matchable = match self.nulls {
            NullEquality::NullEqualsNull => None,
            NullEquality::NullEqualsNothing => arrays
                .iter()
                .fold(None, |nulls, array| NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref())),
        };
        Ok((hashes, matchable.filter(|nulls| nulls.null_count() > 0)))
    }

    fn read(&self, arrays: &[ArrayRef]) -> Result<Keys> {
        Ok(match self.form {
            Form::Narrow => Keys::Narrow(pack(arrays)),
            Form::Wide => Keys::Wide(pack(arrays)),
            Form::Bytes => Keys::Bytes(self.converter.convert_columns(arrays)?),
        })
    }
}

impl Keys {
    /// The bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Narrow(keys) => size_of_val(keys.as_slice()),
            Self::Wide(keys) => size_of_val(keys.as_slice()),
            Self::Bytes(rows) => rows.size(),
        }
    }
}

/// A number that has room for others.
trait Packed: Copy + Default {
    fn push(&mut self, bits: u128, width: usize);
}

impl Packed for u64 {
    fn push(&mut self, bits: u128, width: usize) {
        *self = self.checked_shl(8 * width as u32).unwrap_or_default() | bits as u64;
    }
}

impl Packed for u128 {
    fn push(&mut self, bits: u128, width: usize) {
        *self = self.checked_shl(8 * width as u32).unwrap_or_default() | bits;
    }
}

/// The values of `arrays` side by side.
fn pack<T: Packed>(arrays: &[ArrayRef]) -> Vec<T> {
    let mut packed = vec![T::default(); arrays.first().map_or(0, |array| array.len())];
    for array in arrays {
        let (data, width) = (array.to_data(), array.data_type().primitive_width().unwrap_or_default());
        match width {
            1 => add(&mut packed, data.buffer::<u8>(0)),
            2 => add(&mut packed, data.buffer::<u16>(0)),
            4 => add(&mut packed, data.buffer::<u32>(0)),
            8 => add(&mut packed, data.buffer::<u64>(0)),
            _ => add(&mut packed, data.buffer::<u128>(0)),
        }
    }
    packed
}

fn add<T: Packed, V: Copy + Into<u128>>(packed: &mut [T], values: &[V]) {
    packed.iter_mut().zip(values).for_each(|(packed, value)| packed.push((*value).into(), size_of::<V>()));
}
