//! What can be said about a table's files, typed or as words.
//!
//! `CREATE EXTERNAL TABLE … OPTIONS (…)`, the named arguments of `read_csv(…)` and [`Source::option`] all come here,
//! with the names that DuckDB and DataFusion use as synonyms.
//!
//! [`Source::option`]: crate::Source::option

use std::collections::HashMap;
use std::str::FromStr;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Constraints;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::logical_expr::{Expr, SortExpr};

use crate::error::{Error, Result};

/// What happens to a value that is not of its column's type.
///
/// ```
/// # use partita::prelude::*;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> partita::Result<()> {
/// # let ctx = Context::builder().build()?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("years.csv");
/// use partita::OnBadValue;
/// std::fs::write(&path, "year\n2004\nold\n")?;
/// let source = Source::csv(&path).option("types", "year BIGINT")?;
/// assert!(ctx.read(source.clone()).await?.compute().await.is_err());
/// assert_eq!(ctx.read(source.on_bad_value(OnBadValue::Null)).await?.compute().await?[0].num_rows(), 2);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBadValue {
    /// The query fails with the file, the line and the column.
    #[default]
    Error,
    /// The value is read as NULL.
    Null,
}

/// How many rows are read to tell the types of columns: what DuckDB takes.
const SAMPLE_ROWS: usize = 20_480;

/// Everything that can be said about a table's files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) header: Option<bool>,
    pub(crate) delimiter: Option<u8>,
    pub(crate) quote: Option<u8>,
    pub(crate) escape: Option<u8>,
    pub(crate) comment: Option<u8>,
    pub(crate) null_words: Option<Vec<String>>,
    pub(crate) newlines: Option<bool>,
    pub(crate) ragged: bool,
    pub(crate) sample: Option<usize>,
    pub(crate) compression: Option<FileCompressionType>,
    pub(crate) on_bad_value: OnBadValue,
    pub(crate) hive: Option<bool>,
    /// Partition columns with their SQL types; without a type they are inferred.
    pub(crate) partitioned_by: Vec<(String, Option<String>)>,
    /// Types of partition columns that are known already.
    pub(crate) partition_types: Vec<(String, DataType)>,
    /// All columns of the files, in order.
    pub(crate) schema: Option<SchemaRef>,
    /// All columns of the files, in order, with their SQL types.
    pub(crate) columns: Vec<(String, String)>,
    /// SQL types that replace the inferred ones.
    pub(crate) types: Vec<(String, String)>,
    /// Options that are the engine's own, of its writers above all.
    pub(crate) engine: HashMap<String, String>,
    pub(crate) declared: Declared,
}

/// What CREATE EXTERNAL TABLE says of the table rather than of its files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    /// The statement itself, for SHOW CREATE TABLE.
    pub(crate) definition: Option<String>,
    /// Orders that the rows of each file are in.
    pub(crate) order: Vec<Vec<SortExpr>>,
    pub(crate) constraints: Constraints,
    pub(crate) defaults: HashMap<String, Expr>,
}

impl Options {
    /// Whether the columns are known without a look at the files.
    pub(crate) fn tells_columns(&self) -> bool {
        self.schema.is_some() || !self.columns.is_empty()
    }

    /// How many rows to infer types from.
    pub(crate) fn sample_rows(&self) -> usize {
        self.sample.unwrap_or(SAMPLE_ROWS)
    }

    /// Sets an option by name.
    ///
    /// Errors: a value the option cannot take. Names that are not ours are kept for the engine, which is asked when
    /// the table is made.
    pub(crate) fn set(&mut self, name: &str, value: &OptionValue) -> Result<()> {
        let key = name.to_ascii_lowercase();
        let key = key.strip_prefix("format.").unwrap_or(&key);
        match key {
            "header" | "has_header" => self.header = Some(boolean(key, value)?),
            "delimiter" | "delim" | "sep" => self.delimiter = Some(byte(key, value)?),
            "quote" => self.quote = Some(byte(key, value)?),
            "escape" => self.escape = Some(byte(key, value)?),
            "comment" => self.comment = Some(byte(key, value)?),
            "nullstr" | "null" | "null_words" | "na_values" => self.null_words = Some(value.words(key == "null_words")),
            "newlines_in_values" => self.newlines = Some(boolean(key, value)?),
            "null_padding" | "truncated_rows" => self.ragged = boolean(key, value)?,
            "sample_size" | "infer_rows" | "schema_infer_max_rec" => self.sample = Some(rows(key, value)?),
            "infer_whole_file" => self.sample = boolean(key, value)?.then_some(usize::MAX),
            "all_varchar" => self.sample = boolean(key, value)?.then_some(0),
            "compression" | "file_compression_type" => self.set_compression(key, value)?,
            "on_bad_value" => self.on_bad_value = bad_value(key, value)?,
            "ignore_errors" => {
                self.on_bad_value = if boolean(key, value)? { OnBadValue::Null } else { OnBadValue::Error }
            }
            "hive_partitioning" => self.hive = Some(boolean(key, value)?),
            "partitioned_by" => {
                self.partitioned_by = value.words(true).into_iter().map(|name| (name, None)).collect();
            }
            "columns" | "schema" => self.columns = value.pairs(key)?,
            "types" | "dtypes" | "column_types" => self.types = value.pairs(key)?,
            // Columns are always matched by name.
            "union_by_name" => drop(boolean(key, value)?),
            _ => drop(self.engine.insert(format!("format.{key}"), value.text(key)?.to_string())),
        }
        Ok(())
    }

    /// The engine's own compressions (`zstd(3)` of Parquet pages) are left to it.
    fn set_compression(&mut self, key: &str, value: &OptionValue) -> Result<()> {
        let text = value.text(key)?;
        let parsed = match text.to_ascii_lowercase().as_str() {
            "auto" => return Ok(()),
            "none" => Ok(FileCompressionType::UNCOMPRESSED),
            other => FileCompressionType::from_str(other),
        };
        match parsed {
            Ok(compression) => self.compression = Some(compression),
            Err(_) => drop(self.engine.insert("format.compression".into(), text.to_string())),
        }
        Ok(())
    }
}

/// The error for a name that nobody knows.
pub(crate) fn unknown(name: &str) -> Error {
    let name = name.strip_prefix("format.").unwrap_or(name);
    let error = Error::user(format!("there is no option '{name}'"));
    error.did_you_mean(name, NAMES, format!("the options are {}", NAMES.join(", ")))
}

/// The names that are shown to people; their synonyms are understood as well.
const NAMES: [&str; 19] = [
    "header",
    "delimiter",
    "delim",
    "sep",
    "quote",
    "escape",
    "comment",
    "nullstr",
    "null_words",
    "newlines_in_values",
    "null_padding",
    "sample_size",
    "infer_whole_file",
    "compression",
    "on_bad_value",
    "ignore_errors",
    "hive_partitioning",
    "columns",
    "types",
];

/// A value as it is written in SQL: a word or number, a list, or pairs of names and types.
///
/// ```
/// use partita::{OptionValue, Source};
/// let words = OptionValue::List(vec!["NA".into(), "-".into()]);
/// let source = Source::csv("planes.csv").option("nullstr", words)?.option("header", true)?;
/// assert_eq!(OptionValue::from(true), OptionValue::Text("true".into()));
/// # Ok::<_, partita::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OptionValue {
    /// A string, number or boolean.
    Text(String),
    /// `['NA', '-']`.
    List(Vec<String>),
    /// `{'year': 'BIGINT', 'name': 'VARCHAR'}`.
    Pairs(Vec<(String, String)>),
}

impl<T: ToString> From<T> for OptionValue {
    fn from(value: T) -> Self {
        Self::Text(value.to_string())
    }
}

impl OptionValue {
    fn text(&self, key: &str) -> Result<&str> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Error::user(format!("the option '{key}' takes one value"))),
        }
    }

    fn words(&self, split: bool) -> Vec<String> {
        match self {
            Self::Text(text) if split => text.split(',').map(|word| word.trim().to_string()).collect(),
            Self::Text(text) => vec![text.clone()],
            Self::List(words) => words.clone(),
            Self::Pairs(pairs) => pairs.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Names with types; as a string they are written as in CREATE TABLE: `year BIGINT, price DECIMAL(15, 2)`.
    fn pairs(&self, key: &str) -> Result<Vec<(String, String)>> {
        let wrong =
            || Error::user(format!("the option '{key}' takes names and types, such as 'year BIGINT, day DATE'"));
        match self {
            Self::Pairs(pairs) => Ok(pairs.clone()),
            Self::List(_) => Err(wrong()),
            Self::Text(text) => split_outside_parentheses(text)
                .map(|pair| {
                    let (name, data_type) = pair.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
                    Ok((name.trim_matches('"').to_string(), data_type.trim().to_string()))
                })
                .collect(),
        }
    }
}

fn split_outside_parentheses(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
}

fn boolean(key: &str, value: &OptionValue) -> Result<bool> {
    match value.text(key)?.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        other => Err(Error::user(format!("the option '{key}' takes true or false, not '{other}'"))),
    }
}

fn byte(key: &str, value: &OptionValue) -> Result<u8> {
    match value.text(key)? {
        "\\t" => Ok(b'\t'),
        text => single_byte(key, text),
    }
}

/// The one byte of `text`.
pub(crate) fn single_byte(key: &str, text: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(Error::user(format!("the option '{key}' takes one ASCII character, not '{text}'"))),
    }
}

fn rows(key: &str, value: &OptionValue) -> Result<usize> {
    match value.text(key)?.parse::<i64>() {
        Ok(-1) => Ok(usize::MAX),
        Ok(rows) if rows >= 0 => Ok(rows as usize),
        _ => Err(Error::user(format!("the option '{key}' takes a number of rows, or -1 for the whole file"))),
    }
}

fn bad_value(key: &str, value: &OptionValue) -> Result<OnBadValue> {
    match value.text(key)?.to_ascii_lowercase().as_str() {
        "null" => Ok(OnBadValue::Null),
        "error" => Ok(OnBadValue::Error),
        other => Err(Error::user(format!("the option '{key}' takes 'error' or 'null', not '{other}'"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_and_types() {
        let mut options = Options::default();
        for (name, value) in [("sep", "\\t"), ("FORMAT.has_header", "false"), ("sample_size", "-1")] {
            options.set(name, &value.into()).unwrap();
        }
        assert_eq!((options.delimiter, options.header, options.sample), (Some(b'\t'), Some(false), Some(usize::MAX)));
        options.set("types", &"a BIGINT, b DECIMAL(15, 2)".into()).unwrap();
        assert_eq!(options.types[1], ("b".into(), "DECIMAL(15, 2)".into()));
    }

    #[test]
    fn typos_are_told() {
        assert_eq!(unknown("format.delimeter").hint(), Some("did you mean 'delimiter'?"));
        assert!(Options::default().set("quote", &"ab".into()).unwrap_err().is_user());
    }
}
