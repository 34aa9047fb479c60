//! Columns that are told by folder names, `month=1/day=2/`.

use datafusion::arrow::array::{Array, StringArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::error::{Error, Result};
use crate::source::location::DataFile;

/// What Hive writes for a value that is NULL.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The names of the partition columns, which all files must share, in the order of the folders.
pub(crate) fn keys(files: &[DataFile]) -> Result<Vec<String>> {
    let names = |file: &DataFile| file.partitions.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let keys = names(first);
    if let Some(other) = files.iter().find(|file| names(file) != keys) {
        return Err(Error::user(format!(
            "the files of a table must stand in folders of the same keys: '{}' and '{}' do not",
            first.path.display(),
            other.path.display()
        ))
        .with_hint("hive_partitioning => false reads them without the columns of the folder names"));
    }
    Ok(keys)
}

/// The partition columns with the narrowest of BIGINT, DATE and VARCHAR that holds every value.
pub(crate) fn infer(files: &[DataFile]) -> Result<Vec<(String, DataType)>> {
    let keys = keys(files)?;
    Ok(keys.into_iter().enumerate().map(|(at, key)| (key, infer_type(files, at))).collect())
}

fn infer_type(files: &[DataFile], at: usize) -> DataType {
    let values = || files.iter().map(|file| file.partitions[at].1.as_str()).filter(|value| *value != NULL);
    let holds = |data_type: &DataType| values().all(|value| cast(value, data_type).is_some());
    let typed = [DataType::Int64, DataType::Date32].into_iter().find(|data_type| holds(data_type));
    typed.filter(|_| values().next().is_some()).unwrap_or(DataType::Utf8View)
}

fn cast(value: &str, data_type: &DataType) -> Option<ScalarValue> {
    let options = CastOptions { safe: true, ..Default::default() };
    // Of the dates only the plain form counts: `2013` is a number and `20130101` as well.
    let plain = *data_type != DataType::Date32 || value.len() == 10;
    let array = cast_with_options(&StringArray::from(vec![value]), data_type, &options).ok()?;
    (plain && array.is_valid(0)).then(|| ScalarValue::try_from_array(&array, 0).ok()).flatten()
}

/// The values of one file in the order of `columns`.
///
/// Errors: a column whose folder is missing, a value that is not of the column's type.
pub(crate) fn values(file: &DataFile, columns: &[(String, DataType)]) -> Result<Vec<ScalarValue>> {
    columns.iter().map(|(name, data_type)| value(file, name, data_type)).collect()
}

fn value(file: &DataFile, name: &str, data_type: &DataType) -> Result<ScalarValue> {
    let Some((_, value)) = file.partitions.iter().find(|(key, _)| key == name) else {
        return Err(Error::user(format!("'{}' stands in no folder '{name}=…'", file.path.display())));
    };
    if value == NULL {
        return Ok(ScalarValue::try_from(data_type)?);
    }
    cast(value, data_type).ok_or_else(|| {
        Error::data(format!("{}: the folder '{name}={value}' is no {data_type}", file.path.display()))
            .with_hint("declare the partition column as VARCHAR")
    })
}
