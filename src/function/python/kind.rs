//! The types that travel to Python and back, and how they are told to the worker.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::sink::sql_type;

/// The type that a column is converted to before it travels: one for each kind of value.
///
/// Errors: a type that Python has no value for.
pub(super) fn plain(data_type: &DataType) -> Result<DataType> {
    use DataType::*;
    let child = |field: &FieldRef| -> Result<FieldRef> {
        Ok(Arc::new(Field::new(field.name(), plain(field.data_type())?, true)))
    };
    Ok(match data_type {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float32 | Float64 => {
            data_type.clone()
        }
        Utf8 | LargeUtf8 | Utf8View => Utf8View,
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) => BinaryView,
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => data_type.clone(),
        Date32 | Date64 => Date32,
        Time32(_) | Time64(_) => Time64(TimeUnit::Microsecond),
        Timestamp(_, zone) => Timestamp(TimeUnit::Microsecond, zone.clone()),
        Duration(_) => Duration(TimeUnit::Microsecond),
        Dictionary(_, value) => plain(value)?,
        List(item) | LargeList(item) | FixedSizeList(item, _) => {
            List(Arc::new(Field::new_list_field(plain(item.data_type())?, true)))
        }
        Struct(fields) => Struct(fields.iter().map(child).collect::<Result<_>>()?),
        Map(entries, sorted) => match entries.data_type() {
            Struct(pair) if pair.len() == 2 => {
                let key = Arc::new(Field::new(pair[0].name(), plain(pair[0].data_type())?, false));
                let entry = Struct(vec![key, child(&pair[1])?].into());
                Map(Arc::new(Field::new(entries.name(), entry, false)), *sorted)
            }
            _ => return Err(unknown(data_type)),
        },
        _ => return Err(unknown(data_type)),
    })
}

fn unknown(data_type: &DataType) -> Error {
    Error::user(format!("functions in Python take and give no {}", sql_type(data_type)))
        .with_hint("cast it to another type")
}

/// A plain type in the worker's words.
pub(super) fn told(data_type: &DataType) -> Value {
    use DataType::*;
    let kind = match data_type {
        Boolean => "bool",
        Int8 => "i8",
        Int16 => "i16",
        Int32 => "i32",
        Int64 => "i64",
        UInt8 => "u8",
        UInt16 => "u16",
        UInt32 => "u32",
        UInt64 => "u64",
        Float32 => "f32",
        Float64 => "f64",
        Utf8View => "string",
        BinaryView => "binary",
        Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => "decimal",
        Date32 => "date",
        Time64(_) => "time",
        Timestamp(_, None) => "timestamp",
        Timestamp(_, Some(_)) => "timestamptz",
        Duration(_) => "duration",
        List(_) => "list",
        Struct(_) => "struct",
        Map(..) => "map",
        _ => "null",
    };
    let mut told = json!({ "kind": kind, "sql": sql_type(data_type) });
    match data_type {
        List(item) => told["item"] = self::told(item.data_type()),
        Struct(fields) => {
            let field = |field: &FieldRef| json!({ "name": field.name(), "type": self::told(field.data_type()) });
            told["fields"] = fields.iter().map(field).collect();
        }
        Map(entries, _) => {
            if let Struct(pair) = entries.data_type() {
                told["key"] = self::told(pair[0].data_type());
                told["value"] = self::told(pair[1].data_type());
            }
        }
        _ => {}
    }
    told
}
