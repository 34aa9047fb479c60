//! The bytes of a row, and back.

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::{ArrayRef, BinaryViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::common::utils::normalize_float_zero;

/// How columns of such types are one key.
#[derive(Debug)]
pub(crate) struct KeyEncoding {
    fields: Vec<SortField>,
    converter: RowConverter,
    /// Whether 0.0 and -0.0 are one value, 0.0.
    one_zero: bool,
}

impl KeyEncoding {
    /// Of values that are equal. None for types that come back as others, dictionaries as their values, and for lists
    /// and structs, of which the zeros are not looked at.
    pub(crate) fn of_equal(types: Vec<DataType>) -> Option<Self> {
        let is_plain = types.iter().all(|data_type| !data_type.is_nested() && !comes_back_plain(data_type));
        Self::new(types.into_iter().map(SortField::new).collect(), true).filter(|_| is_plain)
    }

    /// Of values that come back as they were. None for types that do not, and for lists of a fixed length, of which each
    /// element would come back by itself.
    pub(crate) fn of_values(types: Vec<DataType>) -> Option<Self> {
        let is_fixed = |data_type: &DataType| matches!(data_type, DataType::FixedSizeList(..));
        let comes_back = !types.iter().any(|data_type| comes_back_plain(data_type) || is_fixed(data_type));
        Self::new(types.into_iter().map(SortField::new).collect(), false).filter(|_| comes_back)
    }

    /// Of values in their order.
    pub(crate) fn of_order(fields: Vec<SortField>) -> Option<Self> {
        Self::new(fields, false)
    }

    fn new(fields: Vec<SortField>, one_zero: bool) -> Option<Self> {
        let converter = RowConverter::supports_fields(&fields).then(|| RowConverter::new(fields.clone()))?.ok()?;
        Some(Self { fields, converter, one_zero })
    }

    /// How many columns are one key.
    pub(super) fn columns(&self) -> usize {
        self.fields.len()
    }

    /// The key of each of `rows` rows.
    pub(super) fn encode(&self, columns: &[ArrayRef], rows: usize) -> Result<BinaryViewArray> {
        if columns.is_empty() {
            return Ok(BinaryViewArray::from_iter_values(std::iter::repeat_n(b"", rows)));
        }
        let one_zero: Vec<_> = columns.iter().filter(|_| self.one_zero).map(normalize_float_zero).collect();
        let columns = if self.one_zero { &one_zero } else { columns };
        Ok(BinaryViewArray::from(&self.converter.convert_columns(columns)?.try_into_binary()?))
    }

    /// The columns of rows with such keys, none of which is NULL.
    pub(super) fn decode(&self, keys: &BinaryViewArray) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        Ok(self.converter.convert_rows(keys.iter().flatten().map(|key| parser.parse(key)))?)
    }

    /// What the converter takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.converter.size()
    }
}

/// Whether values of that type come back as plain ones: those of a dictionary.
pub(in crate::operator) fn comes_back_plain(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(..) | DataType::RunEndEncoded(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| comes_back_plain(field.data_type())),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => comes_back_plain(field.data_type()),
        _ => false,
    }
}

impl PartialEq for KeyEncoding {
    fn eq(&self, other: &Self) -> bool {
        (&self.fields, self.one_zero) == (&other.fields, other.one_zero)
    }
}

impl Eq for KeyEncoding {}

impl Hash for KeyEncoding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.fields.len(), self.one_zero).hash(state);
    }
}
