//! How the values of CSV files are written.

use std::path::Path;

use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::{Decoder, Format as ArrowFormat};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::functions::regex::compile_regex;

use super::infer::Inferred;
use crate::error::Result;
use crate::source::format::{self, Format};
use crate::source::options::{OnBadValue, Options};

/// The word that R writes for NULL.
const NA: &str = "NA";

/// How the values of a table's files are written.
#[derive(Debug, Clone)]
pub(super) struct Dialect {
    pub(super) extension: &'static str,
    pub(super) header: bool,
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<u8>,
    /// Words that mean NULL besides the empty field; `None` until a sample tells.
    pub(super) null_words: Option<Vec<String>>,
    /// Whether values may hold line breaks; then a file cannot be split.
    pub(super) newlines: Option<bool>,
    /// Whether lines may end early; the values they lack are NULL.
    pub(super) ragged: bool,
    /// Whether columns are matched by position although there is a header: declared columns of other names.
    pub(super) positional: bool,
    pub(super) on_bad_value: OnBadValue,
    pub(super) compression: Option<FileCompressionType>,
}

impl Dialect {
    pub(super) fn new(kind: Format, options: &Options) -> Self {
        let delimiter = if kind == Format::Tsv { b'\t' } else { b',' };
        Self {
            extension: kind.name(),
            header: options.header.unwrap_or(true),
            delimiter: options.delimiter.unwrap_or(delimiter),
            quote: options.quote,
            escape: options.escape,
            comment: options.comment,
            null_words: options.null_words.clone(),
            newlines: options.newlines,
            ragged: options.ragged || options.on_bad_value == OnBadValue::Null,
            positional: false,
            on_bad_value: options.on_bad_value,
            compression: options.compression,
        }
    }

    /// Takes up what the samples of all files tell.
    pub(super) fn settle(&mut self, files: &[Inferred], declared: Option<&SchemaRef>) {
        self.newlines.get_or_insert(files.iter().any(|file| file.newlines));
        let written_by_r = files.iter().any(|file| file.written_by_r);
        self.null_words.get_or_insert_with(|| if written_by_r { vec![NA.to_string()] } else { Vec::new() });
        if let (Some(declared), [first, ..]) = (declared, files) {
            let named = |schema: &SchemaRef, name: &str| schema.column_with_name(name).is_some();
            let same_names = declared.fields().iter().all(|field| named(&first.schema, field.name()));
            self.positional = !same_names && declared.fields().len() == first.schema.fields().len();
        }
    }

    /// The same dialect with `NA` for NULL.
    pub(super) fn of_r(&self) -> Self {
        Self { null_words: Some(vec![NA.to_string()]), ..self.clone() }
    }

    pub(super) fn compression_of(&self, path: &Path) -> FileCompressionType {
        self.compression.unwrap_or_else(|| format::compression(path))
    }

    /// The dialect in arrow's words.
    pub(super) fn arrow(&self, header: bool) -> Result<ArrowFormat> {
        let mut format =
            ArrowFormat::default().with_header(header).with_delimiter(self.delimiter).with_truncated_rows(self.ragged);
        if let Some(quote) = self.quote {
            format = format.with_quote(quote);
        }
        if let Some(escape) = self.escape {
            format = format.with_escape(escape);
        }
        if let Some(comment) = self.comment {
            format = format.with_comment(comment);
        }
        match self.null_words.as_deref() {
            None | Some([]) => Ok(format),
            Some(words) => {
                let words: Vec<String> = words.iter().map(|word| literal(word)).collect();
                Ok(format.with_null_regex(compile_regex(&format!("^(?:|{})$", words.join("|")), None)?))
            }
        }
    }

    /// Reads lines of the columns of `schema`, of which only those at the places of `projection` are made.
    pub(super) fn decoder(
        &self,
        schema: &SchemaRef,
        projection: Vec<usize>,
        header: bool,
        batch_size: usize,
    ) -> Result<Decoder> {
        let builder = ReaderBuilder::new(SchemaRef::clone(schema)).with_format(self.arrow(header)?);
        Ok(builder.with_projection(projection).with_batch_size(batch_size).build_decoder())
    }
}

/// A regular expression that matches just `word`.
fn literal(word: &str) -> String {
    let escaped = word.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() });
    escaped.collect()
}
