//! One call of a function with a batch: what it is given, and how a failure of a row is told.

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::config::ConfigOptions;

use super::overload::Overload;
use super::scope::{FunctionSettings, OnError, Scope};
use crate::error::Error;
use crate::sql::Settings;

/// One call of a function with the columns of a batch.
pub(crate) struct Call<'a> {
    pub(crate) overload: &'a Overload,
    /// Of the parameters' types, each of `rows` values.
    pub(crate) columns: &'a [ArrayRef],
    pub(crate) rows: usize,
    /// What tells the place of this call in the plan from others.
    pub(crate) site: usize,
    pub(crate) environment: &'a Environment,
}

/// The query that a call belongs to, and the options of functions in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    pub(crate) scope: Scope,
    pub(crate) settings: FunctionSettings,
}

impl Environment {
    pub(crate) fn of(options: &ConfigOptions) -> Self {
        let settings = options.extensions.get::<Settings>().map(Settings::functions);
        Self {
            scope: options.extensions.get::<Scope>().cloned().unwrap_or_default(),
            settings: settings.unwrap_or_default(),
        }
    }
}

/// A row that the function failed on, counted in its batch.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) row: usize,
    pub(crate) message: String,
    /// More lines, such as a traceback.
    pub(crate) detail: String,
}

impl Call<'_> {
    /// Whether failures become NULL.
    pub(crate) fn failures_are_null(&self) -> bool {
        self.environment.settings.on_error == OnError::Null
    }

    /// The number of rows that this place of the plan has seen before this batch, in its partition.
    pub(crate) fn rows_before(&self) -> u64 {
        self.environment.scope.rows_before(self.site, self.rows as u64)
    }

    pub(crate) fn count_failures(&self, failures: u64) {
        self.environment.scope.count_failures(failures);
    }

    /// The error of a row: function, argument values, number in its partition.
    pub(crate) fn error(&self, failure: &Failure, before: u64) -> Error {
        let values: Vec<String> = self.columns.iter().map(|column| value(column, failure.row)).collect();
        let name = &self.overload.definition.name;
        let (row, arguments) = (before + failure.row as u64 + 1, values.join(", "));
        let mut text =
            format!("function '{name}' failed at row {row} of its partition: {name}({arguments}): {}", failure.message);
        if !failure.detail.is_empty() {
            text = format!("{text}\n{}", failure.detail.trim_end());
        }
        Error::data(text).with_hint("SET on_function_error = 'null' gives NULL for rows that fail and counts them")
    }
}

/// One value, short enough for a message.
fn value(column: &ArrayRef, row: usize) -> String {
    const LONGEST: usize = 100;
    if column.is_null(row) {
        return "NULL".to_string();
    }
    let formatter = ArrayFormatter::try_new(column, &FormatOptions::default());
    let text = formatter.map(|formatter| formatter.value(row).to_string()).unwrap_or_else(|_| "?".to_string());
    let quoted = column.data_type().is_string() || column.data_type().is_temporal();
    let text = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    if quoted { format!("'{text}'") } else { text }
}

/// The rows in which none of the columns is NULL; none where all rows are such.
pub(crate) fn all_valid<'a>(columns: impl IntoIterator<Item = &'a ArrayRef>) -> Option<NullBuffer> {
    let nulls = columns
        .into_iter()
        .fold(None, |nulls, column| NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref()));
    nulls.filter(|nulls| nulls.null_count() > 0)
}
