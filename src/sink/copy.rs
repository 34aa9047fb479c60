//! What COPY and `write_csv` and its siblings write: the format and the options, in the engine's names.
//!
//! A target with an extension is one file, which replaces one that is there; any other, and every partitioned write,
//! is a folder, to which files with random names are added.

use std::path::Path;

use datafusion::sql::parser::{CopyToStatement, Statement};
use datafusion::sql::sqlparser::ast::Value;
use url::Url;

use crate::error::{Error, Result};

/// Extensions of compressed files, with the engine's name for what compressed them.
const COMPRESSIONS: [(&str, &str); 4] = [("gz", "gzip"), ("zst", "zstd"), ("bz2", "bzip2"), ("xz", "xz")];

/// Formats by the names and extensions people use, with the engine's.
const FORMATS: [(&str, &str); 8] = [
    ("csv", "CSV"),
    ("tsv", "CSV"),
    ("json", "JSON"),
    ("ndjson", "JSON"),
    ("jsonl", "JSON"),
    ("parquet", "PARQUET"),
    ("arrow", "ARROW"),
    ("ipc", "ARROW"),
];

/// Options by the names of DuckDB and PostgreSQL, with the engine's.
const OPTIONS: [(&str, &str); 13] = [
    ("header", "has_header"),
    ("delim", "delimiter"),
    ("sep", "delimiter"),
    ("null", "null_value"),
    ("nullstr", "null_value"),
    ("dateformat", "date_format"),
    ("timestampformat", "timestamp_format"),
    ("codec", "compression"),
    ("row_group_size", "max_row_group_size"),
    ("compression_level", "compression_level"),
    ("single_file", "single_file_output"),
    ("single_file_output", "single_file_output"),
    ("keep_partition_by_columns", "execution.keep_partition_by_columns"),
];

/// A write in the engine's words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// `CSV`, `JSON`, `PARQUET` or `ARROW`.
    pub(crate) format: &'static str,
    /// Names with their prefix, such as `format.delimiter`, and values.
    pub(crate) options: Vec<(String, String)>,
}

impl Words {
    /// The write of a file or folder called `target`, as `format` or by its extension.
    ///
    /// `.tsv` is CSV with tabs; `.json`, `.ndjson` and `.jsonl` hold an object a line; `.csv.gz` and its like are
    /// compressed. An option that is given wins over what the extension says.
    ///
    /// Errors: a format that is not known, or that is neither given nor told by the extension.
    pub(crate) fn new(target: &str, format: Option<&str>, options: Vec<(String, String)>) -> Result<Self> {
        let (inner, compression) = uncompressed(target);
        let extension = Path::new(inner).extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let name = format.map(str::to_lowercase).or(extension).ok_or_else(|| no_format(target))?;
        let Some((_, format)) = FORMATS.into_iter().find(|(known, _)| *known == name) else {
            return Err(unknown_format(&name));
        };
        let mut words = Self { format, options: Vec::new() };
        for (name, value) in options {
            words.set(&name, value);
        }
        if name == "tsv" {
            words.default("format.delimiter", "\t");
        }
        if let Some(compression) = compression.filter(|_| matches!(format, "CSV" | "JSON")) {
            words.default("format.compression", compression);
        }
        Ok(words)
    }

    fn set(&mut self, name: &str, value: String) {
        let name = name.to_lowercase();
        let name = OPTIONS.iter().find(|(short, _)| *short == name).map_or(name.as_str(), |(_, long)| long);
        let name = match name {
            "single_file_output" => name.into(),
            _ if name.contains('.') => name.to_string(),
            _ => format!("format.{name}"),
        };
        let value = match (name.as_str(), value.as_str()) {
            ("format.delimiter", "\\t") => "\t".into(),
            // The engine wants a level with these; the levels are its own defaults or the codec's.
            ("format.compression", "zstd" | "ZSTD") if self.format == "PARQUET" => "zstd(3)".into(),
            ("format.compression", "gzip" | "GZIP") if self.format == "PARQUET" => "gzip(6)".into(),
            ("format.compression", "brotli" | "BROTLI") if self.format == "PARQUET" => "brotli(1)".into(),
            ("format.compression", "none" | "NONE") => "uncompressed".into(),
            _ => value,
        };
        self.options.push((name, value));
    }

    fn default(&mut self, name: &str, value: &str) {
        if !self.options.iter().any(|(set, _)| set == name) {
            self.options.push((name.into(), value.into()));
        }
    }
}

/// The name without `.gz` and its like, and the compression that it stands for.
fn uncompressed(target: &str) -> (&str, Option<&'static str>) {
    let split = target.rsplit_once('.').and_then(|(inner, last)| {
        let known = COMPRESSIONS.iter().find(|(extension, _)| last.eq_ignore_ascii_case(extension));
        known.map(|(_, compression)| (inner, Some(*compression)))
    });
    split.unwrap_or((target, None))
}

fn no_format(target: &str) -> Error {
    Error::user(format!("cannot tell what format to write '{target}' in"))
        .with_hint("add STORED AS PARQUET (or CSV, JSON, ARROW), or name a file with an extension")
}

fn unknown_format(name: &str) -> Error {
    let names = FORMATS.iter().map(|(known, _)| *known);
    Error::user(format!("there is no format '{name}' to write")).did_you_mean(
        name,
        names,
        "formats are csv, tsv, json, ndjson, parquet and arrow",
    )
}

/// A target as the engine's URL. It has no patterns: `[`, `*` and `?` are characters of a name here, where the engine
/// would take the folder before them.
pub(crate) fn target_url(target: &str) -> Result<String> {
    if target.contains("://") || !target.contains(['*', '?', '[']) {
        return Ok(target.into());
    }
    let path = std::path::absolute(target)?;
    let url = if target.ends_with('/') { Url::from_directory_path(path) } else { Url::from_file_path(path) };
    url.map(String::from).map_err(|()| Error::user(format!("'{target}' is no path that can be written to")))
}

/// Puts a parsed COPY, or the one that an EXPLAIN holds, into the engine's words. Other statements stay.
pub(crate) fn copy_words(statement: &mut Statement) -> Result<()> {
    match statement {
        Statement::CopyTo(copy) => complete(copy),
        Statement::Explain(explain) => copy_words(&mut explain.statement),
        _ => Ok(()),
    }
}

fn complete(copy: &mut CopyToStatement) -> Result<()> {
    let options = std::mem::take(&mut copy.options).into_iter().map(|(name, value)| (name, plain(value))).collect();
    let words = Words::new(&copy.target, copy.stored_as.as_deref(), options)?;
    copy.stored_as = Some(words.format.into());
    copy.target = target_url(&copy.target)?;
    let value = |(name, value)| (name, Value::SingleQuotedString(value));
    copy.options = words.options.into_iter().map(value).collect();
    copy.partitioned_by.iter_mut().for_each(|column| *column = identifier(column));
    Ok(())
}

fn plain(value: Value) -> String {
    match value {
        Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) | Value::EscapedStringLiteral(text) => text,
        other => other.to_string(),
    }
}

/// A column as it was written, quotes included, is its name only without them.
fn identifier(written: &str) -> String {
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => written.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(target: &str, format: Option<&str>, options: &[(&str, &str)]) -> Words {
        let options = options.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Words::new(target, format, options).unwrap()
    }

    #[test]
    fn extensions_tell_format_and_compression() {
        assert_eq!(words("a/b.TSV", None, &[]).options, [("format.delimiter".into(), "\t".into())]);
        assert_eq!(words("x.jsonl.zst", None, &[]).options, [("format.compression".into(), "zstd".into())]);
        assert_eq!(words("x.csv.gz", None, &[("compression", "none")]).options.len(), 1);
        assert_eq!(words("folder", Some("ndjson"), &[]).format, "JSON");
        assert!(Words::new("folder", None, vec![]).unwrap_err().hint().is_some());
        assert_eq!(Words::new("x.parqet", None, vec![]).unwrap_err().hint(), Some("did you mean 'parquet'?"));
    }

    #[test]
    fn short_names_are_the_engines() {
        let given = words("x.csv", None, &[("HEADER", "false"), ("delim", "\\t"), ("format.quote", "'")]);
        let long: Vec<_> = given.options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(long, [("format.has_header", "false"), ("format.delimiter", "\t"), ("format.quote", "'")]);
    }

    #[test]
    fn a_target_is_no_pattern() {
        assert_eq!(target_url("out/x.csv").unwrap(), "out/x.csv");
        assert!(target_url("/tmp/x[1].csv").unwrap().starts_with("file:///tmp/x"));
    }
}
