//! Steps that choose, change and name columns, or choose rows by one of them.

use super::chain::{Chain, Kind, quoted};
use super::*;

impl Chain {
    pub(super) fn filter(self, column: usize, test: usize, value: i64) -> Self {
        let (condition, sql) = self.condition(column, test, value);
        let sql = format!("SELECT * {} WHERE {sql}", self.from());
        self.next(self.frame.filter(condition), sql, self.columns.clone())
    }

    pub(super) fn replace(self, column: usize, value: i64) -> Self {
        let Some(at) = self.of_kind(column, |kind| kind == Kind::Whole) else { return self };
        let name = self.name(at).to_string();
        let list = self.columns.iter().map(|(other, _)| match *other == name {
            true => format!("coalesce({0}, {value}) AS {0}", quoted(other)),
            false => quoted(other),
        });
        let sql = format!("SELECT {} {}", list.collect::<Vec<_>>().join(", "), self.from());
        let frame = self.frame.with_column(&name, col(&name).fill_null(value));
        self.next(frame, sql, self.columns.clone())
    }

    pub(super) fn select(self, first: usize, count: usize) -> Self {
        let columns: Vec<_> = (0..count.min(self.columns.len()))
            .map(|at| self.columns[(first + at) % self.columns.len()].clone())
            .collect();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let list = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        self.next(self.frame.select(names), format!("SELECT {list} {}", self.from()), columns.clone())
    }

    pub(super) fn rename(mut self, column: usize) -> Self {
        let (at, new) = (column % self.columns.len(), self.new_name());
        let mut columns = self.columns.clone();
        let old = std::mem::replace(&mut columns[at].0, new.clone());
        let list = self.columns.iter().map(|(name, _)| match *name == old {
            true => format!("{} AS {}", quoted(name), quoted(&new)),
            false => quoted(name),
        });
        let sql = format!("SELECT {} {}", list.collect::<Vec<_>>().join(", "), self.from());
        self.next(self.frame.rename([(old, new)]), sql, columns)
    }

    pub(super) fn drop(self, column: usize) -> Self {
        if self.columns.len() == 1 {
            return self;
        }
        let mut columns = self.columns.clone();
        let (dropped, _) = columns.remove(column % self.columns.len());
        let next = self.next(self.frame.drop([dropped]), String::new(), columns);
        let sql = format!("SELECT {} {}", next.list(), self.from());
        Self { sql, ..next }
    }

    pub(super) fn drop_nulls(self, column: usize) -> Self {
        let sql = format!("SELECT * {} WHERE {} IS NOT NULL", self.from(), quoted(self.name(column)));
        self.next(self.frame.drop_nulls(self.name(column)), sql, self.columns.clone())
    }

    pub(super) fn fill_null(self, value: i64) -> Self {
        if self.of_kind(0, |kind| kind != Kind::Text).is_none() {
            return self;
        }
        let list = self.columns.iter().map(|(name, kind)| match kind {
            Kind::Text => quoted(name),
            _ => format!("coalesce({0}, {value}) AS {0}", quoted(name)),
        });
        let sql = format!("SELECT {} {}", list.collect::<Vec<_>>().join(", "), self.from());
        self.next(self.frame.fill_null(value), sql, self.columns.clone())
    }

    pub(super) fn with(mut self, column: usize, what: usize, value: i64) -> Self {
        let new = self.new_name();
        let (name, sql) = (self.name(column).to_string(), quoted(self.name(column)));
        let (expr, sql, kind) = match (self.kind(column), what % 4) {
            (Kind::Text, 0) => (col(&name).str().upper(), format!("upper({sql})"), Kind::Text),
            (Kind::Text, 1) => (col(&name).str().slice(1, 1), format!("substr({sql}, 2, 1)"), Kind::Text),
            (Kind::Text, 2) => (col(&name).str().len() * 2, format!("length({sql}) * 2"), Kind::Whole),
            (Kind::Text, _) => (col(&name).null_if("a"), format!("nullif({sql}, 'a')"), Kind::Text),
            (kind, 0) => (col(&name) * 2 + value, format!("{sql} * 2 + {value}"), kind),
            (kind, 1) => {
                let call = when(col(&name).gt(value)).then(col(&name)).otherwise(0);
                (call, format!("CASE WHEN {sql} > {value} THEN {sql} ELSE 0 END"), kind)
            }
            (kind, 2) => (greatest([col(&name), lit(value)]), format!("greatest({sql}, {value})"), kind),
            (kind, _) => (value - col(&name).abs(), format!("{value} - abs({sql})"), kind),
        };
        let mut columns = self.columns.clone();
        columns.push((new.clone(), kind));
        let sql = format!("SELECT *, {sql} AS {} {}", quoted(&new), self.from());
        self.next(self.frame.with_column(new, expr), sql, columns)
    }
}
