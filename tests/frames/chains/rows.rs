//! Steps that make other rows of the rows.

use super::chain::{Chain, Kind, quoted};
use super::*;

impl Chain {
    pub(super) fn distinct(self) -> Self {
        let sql = format!("SELECT DISTINCT * {}", self.from());
        self.next(self.frame.distinct(), sql, self.columns.clone())
    }

    pub(super) fn ends(self, last: bool, rows: usize) -> Self {
        // By all columns: rows that are equal in them are the same to whoever counts them.
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let direction = if last { "DESC" } else { "ASC" };
        let order = names.iter().map(|name| format!("{} {direction}", quoted(name))).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT * {} ORDER BY {order} LIMIT {rows}", self.from());
        let ordered = self.frame.sort(names).unwrap();
        self.next(if last { ordered.tail(rows) } else { ordered.head(rows) }, sql, self.columns.clone())
    }

    pub(super) fn union(self, test: i64) -> Self {
        let (condition, sql) = self.condition(0, 0, test);
        let sql = format!("SELECT * {0} UNION ALL SELECT * {0} WHERE {sql}", self.from());
        let other = self.frame.filter(condition).unwrap();
        self.next(self.frame.union(&other), sql, self.columns.clone())
    }

    pub(super) fn both(self, except: bool, column: usize, value: i64) -> Self {
        let (condition, sql) = self.condition(column, 3, value);
        let word = if except { "EXCEPT" } else { "INTERSECT" };
        let sql = format!("SELECT * {0} {word} SELECT * {0} WHERE {sql}", self.from());
        let other = self.frame.filter(condition).unwrap();
        let frame = if except { self.frame.except(&other) } else { self.frame.intersect(&other) };
        self.next(frame, sql, self.columns.clone())
    }

    pub(super) fn unpivot(mut self) -> Self {
        let wholes: Vec<String> =
            self.columns.iter().filter(|(_, kind)| *kind == Kind::Whole).map(|(name, _)| name.clone()).collect();
        if wholes.is_empty() {
            return self;
        }
        let (name, value) = (self.new_name(), self.new_name());
        let mut columns: Vec<_> = self.columns.iter().filter(|(_, kind)| *kind != Kind::Whole).cloned().collect();
        let kept = columns.iter().map(|(name, _)| format!("{}, ", quoted(name))).collect::<String>();
        let parts = wholes.iter().map(|whole| {
            format!(
                "SELECT {kept}'{whole}' AS {}, {} AS {} {}",
                quoted(&name),
                quoted(whole),
                quoted(&value),
                self.from()
            )
        });
        let sql = parts.collect::<Vec<_>>().join(" UNION ALL ");
        columns.extend([(name.clone(), Kind::Text), (value.clone(), Kind::Whole)]);
        self.next(self.frame.unpivot(wholes, &name, &value), sql, columns)
    }

    pub(super) fn counts(self, column: usize) -> Self {
        if self.name(column) == "count" {
            return self;
        }
        let (name, kind) = self.columns[column % self.columns.len()].clone();
        let sql = format!("SELECT {0}, count(*) AS \"count\" {1} GROUP BY {0}", quoted(&name), self.from());
        self.next(self.frame.value_counts(&name), sql, vec![(name, kind), ("count".into(), Kind::Whole)])
    }

    pub(super) fn group(mut self, key: usize, column: usize, what: usize) -> Self {
        let (key, key_kind) = self.columns[key % self.columns.len()].clone();
        let new = self.new_name();
        let number = self.of_kind(column, |kind| kind != Kind::Text).map(|at| self.columns[at].clone());
        let (call, sql, kind) = match (number, what % 5) {
            (Some((name, kind)), 0) => (sum(&name), format!("sum({})", quoted(&name)), kind),
            (Some((name, kind)), 1) => (max(&name) - min(&name), format!("max({0}) - min({0})", quoted(&name)), kind),
            (Some((name, _)), 2) => (count_distinct(&name), format!("count(DISTINCT {})", quoted(&name)), Kind::Whole),
            (Some((name, _)), 3) => {
                let call = count_rows().filter(col(&name).gt(0));
                (call, format!("count(*) FILTER (WHERE {} > 0)", quoted(&name)), Kind::Whole)
            }
            _ => (count_rows(), "count(*)".to_string(), Kind::Whole),
        };
        let sql = format!("SELECT {0}, {sql} AS {1} {2} GROUP BY {0}", quoted(&key), quoted(&new), self.from());
        let frame = self.frame.group_by(&key).unwrap().agg([call.alias(&new)]);
        self.next(frame, sql, vec![(key, key_kind), (new, kind)])
    }

    /// With the first frame, whose columns get names of their own.
    pub(super) fn join(mut self, key: usize, how: usize, base: &Chain) -> Self {
        let Some(key) = self.of_kind(key, |kind| kind == Kind::Whole) else { return self };
        let key = self.name(key).to_string();
        let (other_key, other) = (self.new_name(), self.new_name());
        let right = base.frame.select([col("k").alias(&other_key), col("x").alias(&other)]).unwrap();
        let right_sql = format!("SELECT \"k\" AS {}, \"x\" AS {} {}", quoted(&other_key), quoted(&other), base.from());
        let on = format!("l.{} = r.{}", quoted(&key), quoted(&other_key));
        let pairs = [(key, other_key.clone())];
        type Make = fn([(String, String); 1]) -> Join;
        let joins: [(Make, &str); 6] = [
            (|on| Join::inner(on), "JOIN"),
            (|on| Join::left(on), "LEFT JOIN"),
            (|on| Join::right(on), "RIGHT JOIN"),
            (|on| Join::full(on), "FULL JOIN"),
            (|on| Join::semi(on), "LEFT SEMI JOIN"),
            (|on| Join::anti(on), "LEFT ANTI JOIN"),
        ];
        let (join, words) = joins[how % joins.len()];
        let mut columns = self.columns.clone();
        if how % joins.len() < 4 {
            columns.extend([(other_key, Kind::Whole), (other, Kind::Real)]);
        }
        let sql = format!("SELECT * FROM ({}) AS l {words} ({right_sql}) AS r ON {on}", self.sql);
        self.next(self.frame.join(&right, join(pairs)), sql, columns)
    }

    /// In the order of all columns, so that ties are rows that are equal.
    pub(super) fn window(mut self, by: usize, column: usize, what: usize) -> Self {
        let Some(number) = self.of_kind(column, |kind| kind == Kind::Whole) else { return self };
        let (name, by) = (self.name(number).to_string(), self.name(by).to_string());
        let (new, sql_name) = (self.new_name(), quoted(&name));
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let over = format!("PARTITION BY {} ORDER BY {}", quoted(&by), self.list());
        let rows = |rows: &str| format!("OVER ({over} ROWS BETWEEN {rows} PRECEDING AND CURRENT ROW)");
        let (call, sql) = match what % 5 {
            0 => (col(&name).shift(1), format!("lag({sql_name}, 1) OVER ({over})")),
            1 => (col(&name).cumsum(), format!("sum({sql_name}) {}", rows("UNBOUNDED"))),
            2 => (row_number(), format!("row_number() OVER ({over})")),
            3 => (rank(), format!("rank() OVER ({over})")),
            _ => {
                let frame = rows("1");
                (
                    col(&name).rolling_max(2),
                    format!("CASE WHEN count({sql_name}) {frame} = 2 THEN max({sql_name}) {frame} END"),
                )
            }
        };
        let mut columns = self.columns.clone();
        columns.push((new.clone(), Kind::Whole));
        let sql = format!("SELECT *, {sql} AS {} {}", quoted(&new), self.from());
        self.next(self.frame.with_column(new, call.over(by, names)), sql, columns)
    }
}
