//! Rows as values of a type of the program's own.

mod cell;
mod nested;

use datafusion::arrow::array::StructArray;
use datafusion::arrow::record_batch::RecordBatch;
use serde::de::DeserializeOwned;

use self::cell::Cell;
use crate::error::{Error, Result};

/// Appends the batch's rows to `values`; `before` rows came in earlier batches.
pub(super) fn append<T: DeserializeOwned>(batch: &RecordBatch, before: u64, values: &mut Vec<T>) -> Result<()> {
    let rows = StructArray::from(batch.clone());
    values.reserve(batch.num_rows());
    for row in 0..batch.num_rows() {
        let value = T::deserialize(Cell::new(&rows, row)).map_err(|error| failed::<T>(before + row as u64, &error))?;
        values.push(value);
    }
    Ok(())
}

fn failed<T>(row: u64, error: &serde::de::value::Error) -> Error {
    let name = std::any::type_name::<T>();
    Error::user(format!("row {row}, counted from 0, is no {name}: {error}"))
        .with_hint("NULL needs an Option; a decimal or a timestamp a String, or a CAST in the query")
}
