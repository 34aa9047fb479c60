//! One call of a function with a batch: what it is given, and how a failure of a row is told.

use std::ops::Range;
use std::time::Duration;

use datafusion::arrow::array::{Array, ArrayRef, new_null_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::concat;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::config::ConfigOptions;

use super::definition::FunctionLimits;
use super::overload::Overload;
use super::scope::{FunctionSettings, OnError, Scope};
use crate::error::{Error, Result};
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

    /// The same, with the limits of one function.
    pub(super) fn within(mut self, limits: &FunctionLimits) -> Self {
        if let Some(timeout) = limits.timeout_ms {
            self.settings.timeout = Some(Duration::from_millis(timeout));
        }
        self.settings.memory = limits.memory.or(self.settings.memory);
        self
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

    /// The results of `rows` of a batch that failed as a whole, where failures become NULL: `compute` has each half, and
    /// may come back here with it, until the rows are found that fail by themselves.
    pub(crate) fn by_halves(
        &self,
        rows: Range<usize>,
        compute: &dyn Fn(Range<usize>) -> Result<ArrayRef>,
    ) -> Result<ArrayRef> {
        if rows.len() <= 1 {
            self.count_failures(rows.len() as u64);
            return Ok(new_null_array(&self.overload.returns, rows.len()));
        }
        let middle = rows.start + rows.len() / 2;
        let (first, second) = (compute(rows.start..middle)?, compute(middle..rows.end)?);
        Ok(concat(&[first.as_ref(), second.as_ref()])?)
    }

    /// What the numbers of its rows are counted in, and where these come from.
    fn place(&self) -> String {
        match self.environment.scope.file_of(self.site) {
            Some(file) => format!("its partition of '{file}'"),
            None => "its partition".to_string(),
        }
    }

    /// The error of a batch that failed as a whole.
    pub(crate) fn batch_error(&self, message: &str, before: u64) -> Error {
        let name = &self.overload.definition.name;
        let (first, last, place) = (before + 1, before + self.rows as u64, self.place());
        Error::data(format!("function '{name}' failed at rows {first} to {last} of {place}: {message}"))
            .with_hint("SET on_function_error = 'null' gives NULL for rows that fail and counts them")
    }

    /// The error of a row: function, argument values, number in its partition.
    pub(crate) fn error(&self, failure: &Failure, before: u64) -> Error {
        let values: Vec<String> = self.columns.iter().map(|column| value(column, failure.row)).collect();
        let name = &self.overload.definition.name;
        let (row, arguments) = (before + failure.row as u64 + 1, values.join(", "));
        let (place, message) = (self.place(), &failure.message);
        let mut text = format!("function '{name}' failed at row {row} of {place}: {name}({arguments}): {message}");
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
