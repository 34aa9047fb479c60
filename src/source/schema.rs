//! One schema for the files of a table: union by name, with types widened where nothing is lost.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::error::{Error, Result};

/// What is known about a column so far, and which file said so.
struct Column<'a> {
    field: Field,
    file: &'a Path,
    files: usize,
}

/// The schema that holds the rows of all files: every column of any file, nullable where a file lacks it.
///
/// With `text`, columns of no common type are VARCHAR, as they would be within one file.
///
/// Errors: two files whose columns do not go together, both named.
pub(crate) fn union<'a>(schemas: &'a [(&'a Path, SchemaRef)], text: bool) -> Result<SchemaRef> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for (file, schema) in schemas {
        for field in schema.fields() {
            match columns.iter_mut().find(|column| column.field.name() == field.name()) {
                Some(column) => widen_column(column, field, file, text)?,
                None => columns.push(Column { field: field.as_ref().clone(), file, files: 1 }),
            }
        }
    }
    let all = schemas.len();
    let fields = columns.into_iter().map(|column| {
        let nullable = column.field.is_nullable() || column.files < all;
        column.field.with_nullable(nullable)
    });
    let metadata = schemas.first().map(|(_, schema)| schema.metadata().clone()).unwrap_or_default();
    Ok(Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), metadata)))
}

fn widen_column(column: &mut Column<'_>, field: &Field, file: &Path, text: bool) -> Result<()> {
    let (old, new) = (column.field.data_type(), field.data_type());
    let wide = widen(old, new).or_else(|| text.then_some(DataType::Utf8View));
    let Some(wide) = wide else {
        return Err(Error::data(format!(
            "the column '{}' is {old} in '{}' and {new} in '{}'",
            field.name(),
            column.file.display(),
            file.display()
        ))
        .with_hint("read the files as two tables and cast one of the columns"));
    };
    let nullable = column.field.is_nullable() || field.is_nullable();
    column.field = column.field.clone().with_data_type(wide).with_nullable(nullable);
    column.files += 1;
    Ok(())
}

/// The narrowest type that holds the values of both.
fn widen(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Date32, Date64, Float64, Null, Timestamp, Utf8View};
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (Null, other) | (other, Null) => Some(other.clone()),
        (a, b) if a.is_string() && b.is_string() => Some(Utf8View),
        (a, b) if a.is_integer() && b.is_integer() => wider_integer(a, b),
        (a, b) if a.is_floating() && b.is_floating() => Some(Float64),
        (a, b) if (a.is_integer() && b.is_floating()) || (a.is_floating() && b.is_integer()) => Some(Float64),
        (Timestamp(x, zone), Timestamp(y, other)) if zone == other => Some(Timestamp(finer(*x, *y), zone.clone())),
        (Date32 | Date64, Timestamp(_, None)) => Some(b.clone()),
        (Timestamp(_, None), Date32 | Date64) => Some(a.clone()),
        _ => None,
    }
}

fn wider_integer(a: &DataType, b: &DataType) -> Option<DataType> {
    let width = |data_type: &DataType| data_type.primitive_width().unwrap_or(8);
    if a.is_signed_integer() == b.is_signed_integer() {
        return Some(if width(a) >= width(b) { a.clone() } else { b.clone() });
    }
    let (signed, unsigned) = if a.is_signed_integer() { (a, b) } else { (b, a) };
    match (width(signed), width(unsigned)) {
        (_, 8) => None,
        (wide, narrow) if wide > narrow => Some(signed.clone()),
        _ => Some(DataType::Int64),
    }
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    [TimeUnit::Nanosecond, TimeUnit::Microsecond, TimeUnit::Millisecond]
        .into_iter()
        .find(|unit| *unit == a || *unit == b)
        .unwrap_or(TimeUnit::Second)
}

/// The schema all files share, for formats that are read by position.
///
/// Errors: two files that differ, both named.
pub(crate) fn same(schemas: &[(&Path, SchemaRef)]) -> Result<SchemaRef> {
    let Some((file, first)) = schemas.first() else { return Ok(Arc::new(Schema::empty())) };
    match schemas.iter().find(|(_, schema)| schema.fields() != first.fields()) {
        Some((other, _)) => Err(Error::data(format!(
            "'{}' and '{}' have different columns, which this format cannot bring together",
            file.display(),
            other.display()
        ))),
        None => Ok(Arc::clone(first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
        Arc::new(Schema::new(fields.iter().map(|(n, t)| Field::new(*n, t.clone(), false)).collect::<Vec<_>>()))
    }

    #[test]
    fn union_widens_and_fills() {
        let (a, b) = (Path::new("a.parquet"), Path::new("b.parquet"));
        let files = [
            (a, schema(&[("x", DataType::Int32), ("y", DataType::Utf8)])),
            (b, schema(&[("x", DataType::Float32), ("z", DataType::Date32)])),
        ];
        let merged = union(&files, false).unwrap();
        assert_eq!(merged.field(0).data_type(), &DataType::Float64);
        assert!(!merged.field(0).is_nullable() && merged.field(1).is_nullable() && merged.field(2).is_nullable());
    }

    #[test]
    fn a_conflict_names_both_files() {
        let (a, b) = (Path::new("a.parquet"), Path::new("b.parquet"));
        let files = [(a, schema(&[("x", DataType::Int32)])), (b, schema(&[("x", DataType::Utf8)]))];
        let error = union(&files, false).unwrap_err();
        assert!(error.message().contains("a.parquet") && error.message().contains("b.parquet"));
        assert_eq!(union(&files, true).unwrap().field(0).data_type(), &DataType::Utf8View);
    }
}
