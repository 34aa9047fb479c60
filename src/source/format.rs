//! File formats and compressions by name and by extension.

use std::path::Path;

use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

/// The format of a table's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Parquet,
    Csv,
    Tsv,
    /// An array of objects or objects one after another: the first character that is not blank tells which.
    Json,
    Arrow,
    Avro,
}

impl Format {
    pub(crate) const ALL: [Format; 6] =
        [Format::Parquet, Format::Csv, Format::Tsv, Format::Json, Format::Arrow, Format::Avro];

    /// The names of the format in `STORED AS`, `read_…` and file names; the first is the one that is shown.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Format::Parquet => &["parquet", "pq"],
            Format::Csv => &["csv"],
            Format::Tsv => &["tsv", "tab"],
            Format::Json => &["json", "ndjson", "jsonl"],
            Format::Arrow => &["arrow", "feather", "ipc"],
            Format::Avro => &["avro"],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.names()[0]
    }

    /// The format called `name`, in any case.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.names().iter().any(|known| known.eq_ignore_ascii_case(name)))
    }

    /// The format of a file by its extension, a compression's extension looked through.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let stem = uncompressed(path);
        Self::by_name(stem.extension()?.to_str()?)
    }
}

/// The compression of a file by its extension.
pub(crate) fn compression(path: &Path) -> FileCompressionType {
    match extension(path).as_deref() {
        Some("gz" | "gzip") => FileCompressionType::GZIP,
        Some("bz2") => FileCompressionType::BZIP2,
        Some("xz") => FileCompressionType::XZ,
        Some("zst" | "zstd") => FileCompressionType::ZSTD,
        _ => FileCompressionType::UNCOMPRESSED,
    }
}

/// The name a file's table gets: its name without the extensions of format and compression.
pub(crate) fn stem(path: &Path) -> String {
    let name = uncompressed(path);
    let stem = match Format::of(path) {
        Some(_) => name.file_stem(),
        None => name.file_name(),
    };
    stem.unwrap_or_default().to_string_lossy().into_owned()
}

fn uncompressed(path: &Path) -> &Path {
    if compression(path).is_compressed() { Path::new(path.file_stem().unwrap_or_default()) } else { path }
}

fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_looked_through() {
        assert_eq!(Format::of(Path::new("a/b.csv.gz")), Some(Format::Csv));
        assert_eq!(Format::of(Path::new("b.JSONL.zst")), Some(Format::Json));
        assert_eq!(Format::of(Path::new("b.gz")), None);
        assert_eq!(stem(Path::new("a/x.y.csv.gz")), "x.y");
        assert_eq!(stem(Path::new("a/flights")), "flights");
    }
}
