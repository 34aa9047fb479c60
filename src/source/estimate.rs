//! How many rows a file of text has, before it is read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

/// Statistics guessed from the size of a text file: the engine builds a join's hash table of the side it believes to
/// be smaller, and without a guess a list of airlines counts for as much as all flights.
///
/// `bytes` is the size on disk; text compressed by gzip and its like is about a quarter of what it holds. `line` is how
/// long a line at the start of the file is: where texts are long, that tells more than their types.
pub(super) fn estimated(schema: &Schema, bytes: u64, compressed: bool, line: u64) -> Statistics {
    let bytes = if compressed { bytes.saturating_mul(4) } else { bytes };
    let row: u64 = schema.fields().iter().map(|field| written_width(field.data_type())).sum();
    let row = if line > LONG_LINE { line.max(row) } else { row };
    let rows = bytes / row.max(1) + 1;
    Statistics {
        num_rows: Precision::Inexact(usize::try_from(rows).unwrap_or(usize::MAX)),
        total_byte_size: Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX)),
        column_statistics: Statistics::unknown_column(schema),
    }
}

/// Lines up to so many bytes are taken for what the types of their columns say.
const LONG_LINE: u64 = 1024;

/// So many bytes of a file are looked at.
const START: u64 = 4 << 20;

/// How long a line is at the start of a file, in bytes; 0 where that is not to be found out. What is between two of
/// `quote` ends no line.
pub(super) fn line_length(path: &Path, compression: FileCompressionType, quote: Option<u8>) -> u64 {
    let Ok(file) = File::open(path) else { return 0 };
    let Ok(start) = compression.convert_read(file) else { return 0 };
    let (mut bytes, mut lines, mut returns) = (0, 0, 0);
    let (mut quoted, mut before) = (false, b'\n');
    let mut start = BufReader::new(start.take(START));
    // Where a file is damaged, whoever reads it will say so.
    while let Ok(buffer) = start.fill_buf()
        && !buffer.is_empty()
        // As soon as lines are known to be short, no more is read.
        && !(lines > 1 && bytes / lines <= LONG_LINE)
    {
        for byte in buffer {
            // A quote inside of a text is one of inches, and begins nothing.
            let begins = matches!(before, b',' | b';' | b'\t' | b'|' | b'\n' | b'\r' | b'"' | b'\'');
            quoted ^= Some(*byte) == quote && (quoted || begins);
            lines += u64::from(*byte == b'\n' && !quoted);
            returns += u64::from(*byte == b'\r' && !quoted);
            before = *byte;
        }
        bytes += buffer.len() as u64;
        let read = buffer.len();
        start.consume(read);
    }
    match lines.max(returns) {
        0 if bytes >= START => 0,
        lines => bytes / lines.max(1),
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
        let rows = |bytes, compressed| estimated(&schema, bytes, compressed, 0).num_rows;
        assert_eq!(rows(2_300, false), Precision::Inexact(101));
        assert_eq!(rows(2_300, true), Precision::Inexact(401));
        assert_eq!(rows(0, false), Precision::Inexact(1));
    }

    /// Documents of 100 kB each were taken for texts of 16 characters: a batch of 8,192 of them has 800 MB.
    #[test]
    fn long_lines_are_found_at_the_start_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.csv");
        let length = |text: &str| {
            std::fs::write(&path, text).unwrap();
            line_length(&path, FileCompressionType::UNCOMPRESSED, Some(b'"'))
        };
        assert_eq!(length(&"a line of text\n".repeat(1000)), 15);
        assert_eq!(length(&format!("{}\n", "long ".repeat(20_000)).repeat(30)), 100_001);
        assert_eq!(length(&format!("1,\"{}\"\n", "long\n".repeat(20_000)).repeat(30)), 100_005);
        assert_eq!(length(&"a 5\" disk, \rtwo\r".repeat(1000)), 8);
        assert_eq!(length(&"a 5\" disk\n".repeat(1000)), 10);
        assert_eq!(length(""), 0);
        assert_eq!(line_length(&folder.path().join("none"), FileCompressionType::UNCOMPRESSED, None), 0);
        let schema = Schema::new(vec![Field::new("text", DataType::Utf8View, true)]);
        assert_eq!(estimated(&schema, 1_000_000, false, 100_000).num_rows, Precision::Inexact(11));
        assert_eq!(estimated(&schema, 1_600, false, 1_000).num_rows, Precision::Inexact(101));
    }
}
