//! Where one file has the columns of its table.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::csv::reader::Decoder;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::dialect::Dialect;
use super::infer::header;
use crate::error::Result;

/// The columns of one file, and which of them a scan wants.
///
/// ```text
/// file:   c, a, d          columns    c a d, typed as in the table, text where the table has no such column
/// table:  a, b, c          wanted     places of the columns to read: 1, 0
/// scan:   a, b, c          output     where each column of the scan is among those read: Some(0), None, Some(1)
/// ```
pub(super) struct Layout {
    pub(super) dialect: Dialect,
    pub(super) columns: SchemaRef,
    pub(super) wanted: Vec<usize>,
    output: Vec<Option<usize>>,
    schema: SchemaRef,
}

impl Layout {
    /// Matches the file's columns with those of `table` at the places of `projection`.
    pub(super) fn of(path: &Path, dialect: &Dialect, table: &SchemaRef, projection: &[usize]) -> Result<Self> {
        let columns = match dialect.header && !dialect.positional {
            true => typed(header(path, dialect)?, table),
            false => Arc::clone(table),
        };
        let mut wanted = Vec::new();
        let mut output = Vec::new();
        for place in projection {
            let found = match dialect.header && !dialect.positional {
                true => columns.column_with_name(table.field(*place).name()).map(|(at, _)| at),
                false => Some(*place),
            };
            output.push(found.map(|at| {
                wanted.push(at);
                wanted.len() - 1
            }));
        }
        let schema = Arc::new(table.project(projection)?);
        Ok(Self { dialect: dialect.clone(), columns, wanted, output, schema })
    }

    /// Reads the wanted columns.
    pub(super) fn decoder(&self, header: bool, batch_size: usize) -> Result<Decoder> {
        self.dialect.decoder(&self.columns, self.wanted.clone(), header, batch_size)
    }

    /// The batch of the scan from the columns that were read.
    pub(super) fn batch(&self, read: &[ArrayRef], rows: usize) -> Result<RecordBatch> {
        let columns = self.output.iter().zip(self.schema.fields()).map(|(place, field)| match place {
            Some(at) => Arc::clone(&read[*at]),
            None => new_null_array(field.data_type(), rows),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.collect(), &options)?)
    }
}

fn typed(names: Vec<String>, table: &SchemaRef) -> SchemaRef {
    let fields = names.into_iter().map(|name| {
        let data_type = table.field_with_name(&name).map_or(DataType::Utf8, |field| field.data_type().clone());
        Field::new(name, data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
