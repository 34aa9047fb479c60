//! How many rows a file of text has, before it is read.

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;

/// Statistics guessed from the size of a text file: the engine builds a join's hash table of the side it believes to
/// be smaller, and without a guess a list of airlines counts for as much as all flights.
///
/// `bytes` is the size on disk; text compressed by gzip and its like is about a quarter of what it holds.
pub(super) fn estimated(schema: &Schema, bytes: u64, compressed: bool) -> Statistics {
    let bytes = if compressed { bytes.saturating_mul(4) } else { bytes };
    let row: u64 = schema.fields().iter().map(|field| written_width(field.data_type())).sum();
    let rows = bytes / row.max(1) + 1;
    Statistics {
        num_rows: Precision::Inexact(usize::try_from(rows).unwrap_or(usize::MAX)),
        total_byte_size: Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX)),
        column_statistics: Statistics::unknown_column(schema),
    }
}

/// Characters that a value of the type usually takes, with the delimiter behind it.
fn written_width(kind: &DataType) -> u64 {
    match kind {
        DataType::Boolean => 6,
        kind if kind.is_numeric() => 7,
        DataType::Date32 | DataType::Date64 => 11,
        DataType::Timestamp(..) => 20,
        _ => 16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Field;

    #[test]
    fn more_bytes_are_more_rows() {
        let schema = Schema::new(vec![
            Field::new("carrier", DataType::Utf8View, true),
            Field::new("delay", DataType::Int64, true),
        ]);
        let rows = |bytes, compressed| estimated(&schema, bytes, compressed).num_rows;
        assert_eq!(rows(2_300, false), Precision::Inexact(101));
        assert_eq!(rows(2_300, true), Precision::Inexact(401));
        assert_eq!(rows(0, false), Precision::Inexact(1));
    }
}
