//! Types in the words of SQL.

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

/// What SQL calls a type: `BIGINT`, `DECIMAL(15,2)`, `STRUCT(a BIGINT)`, `VARCHAR[]`.
///
/// ```
/// use datafusion::arrow::datatypes::DataType;
/// assert_eq!(partita::sql::type_name(&DataType::Int64), "BIGINT");
/// ```
pub fn type_name(kind: &DataType) -> String {
    use DataType as T;
    let name = match kind {
        T::Null => "NULL",
        T::Boolean => "BOOLEAN",
        T::Int8 => "TINYINT",
        T::Int16 => "SMALLINT",
        T::Int32 => "INTEGER",
        T::Int64 => "BIGINT",
        T::UInt8 => "UTINYINT",
        T::UInt16 => "USMALLINT",
        T::UInt32 => "UINTEGER",
        T::UInt64 => "UBIGINT",
        T::Float16 => "HALF",
        T::Float32 => "FLOAT",
        T::Float64 => "DOUBLE",
        T::Date32 | T::Date64 => "DATE",
        T::Time32(_) | T::Time64(_) => "TIME",
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "VARCHAR",
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "BLOB",
        T::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime | IntervalUnit::MonthDayNano) | T::Duration(_) => {
            "INTERVAL"
        }
        nested => return nested_name(nested),
    };
    name.to_string()
}

fn nested_name(kind: &DataType) -> String {
    use DataType as T;
    match kind {
        T::Timestamp(unit, zone) => {
            let name = if zone.is_some() { "TIMESTAMP WITH TIME ZONE" } else { "TIMESTAMP" };
            match unit {
                TimeUnit::Second => format!("{name}(0)"),
                TimeUnit::Millisecond => format!("{name}(3)"),
                TimeUnit::Microsecond | TimeUnit::Nanosecond => name.to_string(),
            }
        }
        T::Decimal32(digits, scale) | T::Decimal64(digits, scale) | T::Decimal128(digits, scale) => {
            format!("DECIMAL({digits},{scale})")
        }
        T::Decimal256(digits, scale) => format!("DECIMAL({digits},{scale})"),
        T::List(item) | T::LargeList(item) | T::ListView(item) | T::LargeListView(item) => {
            format!("{}[]", type_name(item.data_type()))
        }
        T::FixedSizeList(item, length) => format!("{}[{length}]", type_name(item.data_type())),
        T::Struct(fields) => format!("STRUCT({})", fields.iter().map(|f| member(f)).collect::<Vec<_>>().join(", ")),
        T::Map(entries, _) => match entries.data_type() {
            T::Struct(pair) if pair.len() == 2 => {
                format!("MAP({}, {})", type_name(pair[0].data_type()), type_name(pair[1].data_type()))
            }
            other => type_name(other),
        },
        T::Dictionary(_, values) => type_name(values),
        T::RunEndEncoded(_, values) => type_name(values.data_type()),
        T::Union(members, _) => {
            format!("UNION({})", members.iter().map(|(_, field)| member(field)).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn member(field: &Field) -> String {
    format!("{} {}", field.name(), type_name(field.data_type()))
}
