//! Values, types and counts as text.

use std::borrow::Cow;

use datafusion::arrow::array::{Array, ArrayRef, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Times as people write them: a space between date and time.
const TIMESTAMP: Option<&str> = Some("%Y-%m-%d %H:%M:%S%.f");
const TIMESTAMP_TZ: Option<&str> = Some("%Y-%m-%d %H:%M:%S%.f%:z");

/// Formats values for people. A value without a form (a timestamp beyond the calendar) is shown as its error.
pub(super) fn options(null: &str) -> FormatOptions<'_> {
    FormatOptions::new()
        .with_display_error(true)
        .with_null(null)
        .with_timestamp_format(TIMESTAMP)
        .with_datetime_format(TIMESTAMP)
        .with_timestamp_tz_format(TIMESTAMP_TZ)
}

/// The column as text, a value a row, for formats that know neither lists nor structs.
pub(super) fn as_text(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = FormatOptions::new().with_display_error(true);
    let formatter = ArrayFormatter::try_new(column, &options)?;
    let nulls = column.logical_nulls();
    let mut text = StringBuilder::new();
    for row in 0..column.len() {
        match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            true => text.append_null(),
            false => text.append_value(formatter.value(row).try_to_string()?),
        }
    }
    Ok(std::sync::Arc::new(text.finish()))
}

/// `text` with control characters made visible: a value stays on its line and cannot speak to the terminal.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}

/// How many columns of a terminal `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `room` columns; what was cut ends in `…`.
pub(super) fn clip(text: &str, room: usize) -> Cow<'_, str> {
    // No character takes more than two columns: most texts need no measuring.
    if text.len() <= room || width(text) <= room {
        return Cow::Borrowed(text);
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken < room
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    Cow::Owned(cut)
}

/// `1,234 rows`, `1 row`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name of a type in SQL, as results and DESCRIBE show it.
///
/// ```
/// use datafusion::arrow::datatypes::DataType;
/// use partita::sink::sql_type;
/// assert_eq!(sql_type(&DataType::Int64), "bigint");
/// assert_eq!(sql_type(&DataType::Decimal128(15, 2)), "decimal(15,2)");
/// ```
pub fn sql_type(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Null => "null",
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 => "smallint",
        DataType::Int32 => "integer",
        DataType::Int64 => "bigint",
        DataType::UInt8 => "utinyint",
        DataType::UInt16 => "usmallint",
        DataType::UInt32 => "uinteger",
        DataType::UInt64 => "ubigint",
        DataType::Float16 => "half",
        DataType::Float32 => "real",
        DataType::Float64 => "double",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "bytea",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::Interval(_) => "interval",
        DataType::Duration(_) => "duration",
        nested => return nested_type(nested),
    };
    name.into()
}

fn nested_type(data_type: &DataType) -> String {
    let typed = |field: &datafusion::arrow::datatypes::FieldRef| sql_type(field.data_type());
    let named = |field: &datafusion::arrow::datatypes::FieldRef| format!("{} {}", field.name(), typed(field));
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            format!("{}[]", typed(item))
        }
        DataType::FixedSizeList(item, length) => format!("{}[{length}]", typed(item)),
        DataType::Struct(fields) => format!("struct({})", fields.iter().map(named).collect::<Vec<_>>().join(", ")),
        DataType::Union(fields, _) => {
            format!("union({})", fields.iter().map(|(_, field)| named(field)).collect::<Vec<_>>().join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => format!("map({}, {})", typed(&pair[0]), typed(&pair[1])),
            other => format!("map({})", sql_type(other)),
        },
        DataType::Dictionary(_, value) => sql_type(value),
        DataType::RunEndEncoded(_, value) => typed(value),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clipping_counts_columns_not_characters() {
        assert_eq!(clip("abcdef", 6), "abcdef");
        assert_eq!(clip("abcdef", 5), "abcd…");
        assert_eq!(clip("日本語テキスト", 7), "日本語…");
        assert_eq!(clip("日本語テキスト", 6), "日本…");
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(visible("a\nb\t\x1b[31m"), "a\\nb\\t\\u{1b}[31m");
        assert_eq!(visible("naïve"), "naïve");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "row"), "1 row");
    }
}
