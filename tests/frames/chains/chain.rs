//! A frame made by calls and the SQL that says the same, step by step.

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Whole,
    Real,
    Text,
}

/// A frame, its SQL, and what is known of its columns.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) frame: Frame,
    pub(super) sql: String,
    pub(super) columns: Vec<(String, Kind)>,
    /// How many columns have been made, so that names differ.
    pub(super) made: usize,
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

impl Chain {
    pub(super) fn new(frame: Frame, name: &str) -> Self {
        frame.register(name).unwrap();
        let kinds = [Kind::Whole, Kind::Whole, Kind::Real, Kind::Text];
        let columns = frame.columns().into_iter().zip(kinds).collect();
        Self { frame, sql: format!("SELECT * FROM {}", quoted(name)), columns, made: 0 }
    }

    pub(super) fn name(&self, at: usize) -> &str {
        &self.columns[at % self.columns.len()].0
    }

    pub(super) fn kind(&self, at: usize) -> Kind {
        self.columns[at % self.columns.len()].1
    }

    /// The first column of a kind from `at` on.
    pub(super) fn of_kind(&self, at: usize, is: impl Fn(Kind) -> bool) -> Option<usize> {
        (at..at + self.columns.len()).map(|at| at % self.columns.len()).find(|at| is(self.columns[*at].1))
    }

    pub(super) fn new_name(&mut self) -> String {
        self.made += 1;
        format!("C{}", self.made)
    }

    pub(super) fn list(&self) -> String {
        self.columns.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn next(&self, frame: partita::Result<Frame>, sql: String, columns: Vec<(String, Kind)>) -> Self {
        let frame = frame.unwrap_or_else(|error| panic!("{sql}\n{}", error.report()));
        Self { frame, sql, columns, made: self.made }
    }

    pub(super) fn from(&self) -> String {
        format!("FROM ({}) AS q", self.sql)
    }

    /// A condition by call and in SQL.
    pub(super) fn condition(&self, column: usize, test: usize, value: i64) -> (Expr, String) {
        let (name, sql) = (self.name(column), quoted(self.name(column)));
        if self.kind(column) == Kind::Text {
            return match test % 4 {
                0 => (col(name).like("%a%"), format!("{sql} LIKE '%a%'")),
                1 => (!col(name).is_in(["a", ""]), format!("{sql} NOT IN ('a', '')")),
                2 => (col(name).str().len().lt(value), format!("length({sql}) < {value}")),
                _ => (col(name).is_null(), format!("{sql} IS NULL")),
            };
        }
        match test % 6 {
            0 => (col(name).gt(value), format!("{sql} > {value}")),
            1 => (!col(name).between(0, value), format!("{sql} NOT BETWEEN 0 AND {value}")),
            2 => (col(name).is_in([value, 1, 2]), format!("{sql} IN ({value}, 1, 2)")),
            3 => (col(name).lt(value) | col(name).is_null(), format!("{sql} < {value} OR {sql} IS NULL")),
            4 => ((col(name) % 3).eq(0) & col(name).not_eq(value), format!("{sql} % 3 = 0 AND {sql} <> {value}")),
            _ => (!col(name).gt_eq(value), format!("NOT ({sql} >= {value})")),
        }
    }

    pub(super) fn apply(self, step: &Step, base: &Chain) -> Self {
        match *step {
            Step::Filter { column, test, value } => self.filter(column, test, value),
            Step::With { column, what, value } => self.with(column, what, value),
            Step::Replace { column, value } => self.replace(column, value),
            Step::Select { first, count } => self.select(first, count),
            Step::Rename { column } => self.rename(column),
            Step::Drop { column } => self.drop(column),
            Step::Distinct => self.distinct(),
            Step::DropNulls { column } => self.drop_nulls(column),
            Step::FillNull { value } => self.fill_null(value),
            Step::Group { key, column, what } => self.group(key, column, what),
            Step::Ends { last, rows } => self.ends(last, rows),
            Step::Union { test } => self.union(test),
            Step::Both { except, column, value } => self.both(except, column, value),
            Step::Join { key, how } => self.join(key, how, base),
            Step::Window { by, column, what } => self.window(by, column, what),
            Step::Unpivot => self.unpivot(),
            Step::Counts { column } => self.counts(column),
        }
    }
}
