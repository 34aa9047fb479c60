//! Calls of a function in Python with the columns of a batch.

use std::sync::Arc;

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array, new_empty_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{filter, take};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Value, json};

use super::columns::{cast, encode};
use super::decode::Reply;
use super::kind::plain;
use super::native::Native;
use super::worker::out_of_memory;
use super::workers::{Load, Workers};
use crate::error::{Error, Result};
use crate::function::call::{Call, Failure, all_valid};
use crate::function::definition::NullInput;
use crate::function::overload::Columns;

/// How the columns travel, and what Python sees of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The values of one row after another.
    Rows,
    /// NumPy arrays.
    Numpy,
    /// pyarrow arrays.
    Arrow,
}

/// A function in Python.
#[derive(Debug)]
pub(super) struct PythonFunction {
    pub(super) load: Arc<Load>,
    pub(super) workers: Arc<Workers>,
    pub(super) mode: Mode,
    /// The same function in this process, where it can be.
    pub(super) native: Option<Native>,
}

impl Drop for PythonFunction {
    fn drop(&mut self) {
        self.workers.forget(&self.load.id);
    }
}

impl Columns for PythonFunction {
    fn call(&self, call: &Call<'_>) -> Result<ArrayRef> {
        let before = call.rows_before();
        let strict = call.overload.definition.null_input == NullInput::Strict;
        match all_valid(call.columns).filter(|_| strict) {
            None => self.call_all(call, call.columns, call.rows, &|row| row, before),
            Some(valid) => self.call_valid(call, &valid, before),
        }
    }

    fn is_here(&self) -> bool {
        self.native.is_some()
    }
}

impl PythonFunction {
    /// Calls it with the rows that have no NULL.
    fn call_valid(&self, call: &Call<'_>, valid: &NullBuffer, before: u64) -> Result<ArrayRef> {
        let rows: Vec<usize> = valid.valid_indices().collect();
        if rows.is_empty() {
            return Ok(datafusion::arrow::array::new_null_array(&call.overload.returns, call.rows));
        }
        let chosen = BooleanArray::new(valid.inner().clone(), None);
        let columns = call.columns.iter().map(|column| filter(column, &chosen));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let results = self.call_all(call, &columns, rows.len(), &|row| rows.get(row).copied().unwrap_or(0), before)?;
        let mut next = 0..;
        let places: UInt64Array = valid.iter().map(|there| if there { next.next() } else { None }).collect();
        Ok(take(&results, &places, None)?)
    }

    fn call_all(
        &self,
        call: &Call<'_>,
        columns: &[ArrayRef],
        rows: usize,
        row_of: &dyn Fn(usize) -> usize,
        before: u64,
    ) -> Result<ArrayRef> {
        let returns = &call.overload.returns;
        if rows == 0 {
            return Ok(new_empty_array(returns));
        }
        if let Some(native) = &self.native
            && let Some(results) = native.call(&self.load.name, columns, rows, returns, call.environment)?
        {
            return Ok(results);
        }
        let operation = match self.mode {
            Mode::Rows => "rows",
            Mode::Numpy => "numpy",
            Mode::Arrow => "arrow",
        };
        let lenient = call.failures_are_null();
        let header = json!({ "operation": operation, "id": self.load.id, "rows": rows, "lenient": lenient });
        let data = match self.mode {
            Mode::Arrow => write_arrow(columns, returns, rows)?,
            _ => write_plain(columns)?,
        };
        let (answer, data) = self.workers.ask(&self.load, &header, &data, call.environment)?;
        if let Some(failure) = failure(&answer) {
            let may_be_rows = lenient && failure.row.is_none() && !failure.is_memory();
            return match may_be_rows {
                true => call.by_halves(0..rows, &|half| {
                    let columns: Vec<_> = columns.iter().map(|column| column.slice(half.start, half.len())).collect();
                    self.call_all(call, &columns, half.len(), row_of, before)
                }),
                false => Err(self.failed(call, failure, row_of, before)),
            };
        }
        call.count_failures(answer["failures"].as_u64().unwrap_or(0));
        match self.mode {
            Mode::Arrow => read_arrow(&data, returns, rows),
            _ => cast(&Reply(&data).column(&plain(returns)?, rows)?, returns),
        }
    }

    fn failed(&self, call: &Call<'_>, failure: Told, row_of: &dyn Fn(usize) -> usize, before: u64) -> Error {
        let name = &call.overload.definition.name;
        if failure.is_memory() {
            let limit = call.environment.settings.memory.unwrap_or_else(|| self.workers.share());
            return out_of_memory(name, limit);
        }
        match failure.row {
            Some(row) => {
                let Told { message, detail, .. } = failure;
                call.error(&Failure { row: row_of(row), message, detail }, before)
            }
            None => call.batch_error(format!("{}\n{}", failure.message, failure.detail).trim_end(), before),
        }
    }
}

/// A failure as a worker tells it.
pub(super) struct Told {
    pub(super) message: String,
    pub(super) row: Option<usize>,
    pub(super) detail: String,
}

impl Told {
    fn is_memory(&self) -> bool {
        self.message.starts_with("MemoryError")
    }
}

pub(super) fn failure(answer: &Value) -> Option<Told> {
    Some(Told {
        message: answer.get("error")?.as_str()?.to_string(),
        row: answer["row"].as_u64().and_then(|row| usize::try_from(row).ok()),
        detail: answer["detail"].as_str().unwrap_or_default().to_string(),
    })
}

pub(super) fn write_plain(columns: &[ArrayRef]) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    columns.iter().try_for_each(|column| encode(column, &mut data))?;
    Ok(data)
}

/// The columns and, behind them, one of the result's type, which tells that type; its values are NULL.
fn write_arrow(columns: &[ArrayRef], returns: &DataType, rows: usize) -> Result<Vec<u8>> {
    let columns = columns.iter().map(|column| cast(column, &widespread(column.data_type())?));
    let mut columns = columns.collect::<Result<Vec<_>>>()?;
    columns.push(datafusion::arrow::array::new_null_array(&widespread(returns)?, rows));
    let fields =
        columns.iter().enumerate().map(|(at, column)| Field::new(format!("{at}"), column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(writer.into_inner()?)
}

fn read_arrow(data: &[u8], returns: &DataType, rows: usize) -> Result<ArrayRef> {
    let mut reader = StreamReader::try_new(data, None)?;
    let batch = reader.next().transpose()?.filter(|batch| batch.num_rows() == rows && batch.num_columns() == 1);
    let batch = batch.ok_or_else(|| Error::internal("a Python worker answered with another number of rows"))?;
    cast(batch.column(0), returns)
}

/// Text and bytes in the layout that every function of pyarrow takes.
fn widespread(data_type: &DataType) -> Result<DataType> {
    Ok(match plain(data_type)? {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(item) => DataType::List(Arc::new(Field::new_list_field(widespread(item.data_type())?, true))),
        DataType::Struct(fields) => {
            let field = |field: &Arc<Field>| Ok(Field::new(field.name(), widespread(field.data_type())?, true));
            DataType::Struct(fields.iter().map(field).collect::<Result<Vec<_>>>()?.into())
        }
        other => other,
    })
}
