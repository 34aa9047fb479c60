//! Chains of calls over random frames, against the SQL that says the same.
//!
//! Every step is made twice: by calls on the frame before, and as `SELECT … FROM (the SQL before)`. Then both have to have
//! the same columns and the same rows.

use super::*;
use datafusion::arrow::array::{Float64Array, StringArray};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Whole,
    Real,
    Text,
}

/// A frame, its SQL, and what is known of its columns.
#[derive(Clone)]
struct Chain {
    frame: Frame,
    sql: String,
    columns: Vec<(String, Kind)>,
    /// How many columns have been made, so that names differ.
    made: usize,
}

/// A step, with numbers that choose among the columns there are.
#[derive(Clone, Debug)]
enum Step {
    Filter { column: usize, test: usize, value: i64 },
    With { column: usize, what: usize, value: i64 },
    Replace { column: usize, value: i64 },
    Select { first: usize, count: usize },
    Rename { column: usize },
    Drop { column: usize },
    Distinct,
    DropNulls { column: usize },
    FillNull { value: i64 },
    Group { key: usize, column: usize, what: usize },
    Ends { last: bool, rows: usize },
    Union { test: i64 },
    Both { except: bool, column: usize, value: i64 },
    Join { key: usize, how: usize },
    Window { by: usize, column: usize, what: usize },
    Unpivot,
    Counts { column: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..100_usize;
    prop_oneof![
        (at(), at(), -3..6_i64).prop_map(|(column, test, value)| Step::Filter { column, test, value }),
        (at(), at(), -3..6_i64).prop_map(|(column, what, value)| Step::With { column, what, value }),
        (at(), 0..5_i64).prop_map(|(column, value)| Step::Replace { column, value }),
        (at(), 1..4_usize).prop_map(|(first, count)| Step::Select { first, count }),
        at().prop_map(|column| Step::Rename { column }),
        at().prop_map(|column| Step::Drop { column }),
        Just(Step::Distinct),
        at().prop_map(|column| Step::DropNulls { column }),
        (-3..6_i64).prop_map(|value| Step::FillNull { value }),
        (at(), at(), at()).prop_map(|(key, column, what)| Step::Group { key, column, what }),
        (any::<bool>(), 0..12_usize).prop_map(|(last, rows)| Step::Ends { last, rows }),
        (-3..6_i64).prop_map(|test| Step::Union { test }),
        (any::<bool>(), at(), -3..6_i64).prop_map(|(except, column, value)| Step::Both { except, column, value }),
        (at(), at()).prop_map(|(key, how)| Step::Join { key, how }),
        (at(), at(), at()).prop_map(|(by, column, what)| Step::Window { by, column, what }),
        Just(Step::Unpivot),
        at().prop_map(|column| Step::Counts { column }),
    ]
}

type Row = (Option<i64>, Option<i64>, Option<i64>, Option<usize>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let value = |range| proptest::option::weighted(0.85, range);
    proptest::collection::vec(
        (value(0..4_i64), value(-3..6), value(-4..4), value(0..4).prop_map(|t| t.map(|t| t as usize))),
        0..25,
    )
}

fn frame(ctx: &Context, rows: &[Row], partitions: usize) -> Frame {
    let texts = ["", "a", "ab", "B c"];
    let columns: [(&str, ArrayRef, bool); 4] = [
        ("k", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0))), true),
        ("n", Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.1))), true),
        ("x", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.2.map(|x| x as f64 / 2.0)))), true),
        ("T t.", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.3.map(|t| texts[t])))), true),
    ];
    ctx.from_batches(vec![RecordBatch::try_from_iter_with_nullable(columns).unwrap()], partitions).unwrap()
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

impl Chain {
    fn new(frame: Frame, name: &str) -> Self {
        frame.register(name).unwrap();
        let kinds = [Kind::Whole, Kind::Whole, Kind::Real, Kind::Text];
        let columns = frame.columns().into_iter().zip(kinds).collect();
        Self { frame, sql: format!("SELECT * FROM {}", quoted(name)), columns, made: 0 }
    }

    fn name(&self, at: usize) -> &str {
        &self.columns[at % self.columns.len()].0
    }

    fn kind(&self, at: usize) -> Kind {
        self.columns[at % self.columns.len()].1
    }

    /// The first column of a kind from `at` on.
    fn of_kind(&self, at: usize, is: impl Fn(Kind) -> bool) -> Option<usize> {
        (at..at + self.columns.len()).map(|at| at % self.columns.len()).find(|at| is(self.columns[*at].1))
    }

    fn new_name(&mut self) -> String {
        self.made += 1;
        format!("C{}", self.made)
    }

    fn list(&self) -> String {
        self.columns.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ")
    }

    fn next(&self, frame: partita::Result<Frame>, sql: String, columns: Vec<(String, Kind)>) -> Self {
        let frame = frame.unwrap_or_else(|error| panic!("{sql}\n{}", error.report()));
        Self { frame, sql, columns, made: self.made }
    }

    fn from(&self) -> String {
        format!("FROM ({}) AS q", self.sql)
    }

    /// A condition by call and in SQL.
    fn condition(&self, column: usize, test: usize, value: i64) -> (Expr, String) {
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

    fn apply(mut self, step: &Step, base: &Chain) -> Self {
        match *step {
            Step::Filter { column, test, value } => {
                let (condition, sql) = self.condition(column, test, value);
                let sql = format!("SELECT * {} WHERE {sql}", self.from());
                self.next(self.frame.filter(condition), sql, self.columns.clone())
            }
            Step::With { column, what, value } => self.with(column, what, value),
            Step::Replace { column, value } => {
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
            Step::Select { first, count } => {
                let columns: Vec<_> = (0..count.min(self.columns.len()))
                    .map(|at| self.columns[(first + at) % self.columns.len()].clone())
                    .collect();
                let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
                let list = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
                self.next(self.frame.select(names), format!("SELECT {list} {}", self.from()), columns.clone())
            }
            Step::Rename { column } => {
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
            Step::Drop { column } => {
                if self.columns.len() == 1 {
                    return self;
                }
                let mut columns = self.columns.clone();
                let (dropped, _) = columns.remove(column % self.columns.len());
                let next = self.next(self.frame.drop([dropped]), String::new(), columns);
                let sql = format!("SELECT {} {}", next.list(), self.from());
                Self { sql, ..next }
            }
            Step::Distinct => {
                let sql = format!("SELECT DISTINCT * {}", self.from());
                self.next(self.frame.distinct(), sql, self.columns.clone())
            }
            Step::DropNulls { column } => {
                let sql = format!("SELECT * {} WHERE {} IS NOT NULL", self.from(), quoted(self.name(column)));
                self.next(self.frame.drop_nulls(self.name(column)), sql, self.columns.clone())
            }
            Step::FillNull { value } => {
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
            Step::Group { key, column, what } => self.group(key, column, what),
            Step::Ends { last, rows } => {
                // By all columns: rows that are equal in them are the same to whoever counts them.
                let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
                let direction = if last { "DESC" } else { "ASC" };
                let order =
                    names.iter().map(|name| format!("{} {direction}", quoted(name))).collect::<Vec<_>>().join(", ");
                let sql = format!("SELECT * {} ORDER BY {order} LIMIT {rows}", self.from());
                let ordered = self.frame.sort(names).unwrap();
                self.next(if last { ordered.tail(rows) } else { ordered.head(rows) }, sql, self.columns.clone())
            }
            Step::Union { test } => {
                let (condition, sql) = self.condition(0, 0, test);
                let sql = format!("SELECT * {0} UNION ALL SELECT * {0} WHERE {sql}", self.from());
                let other = self.frame.filter(condition).unwrap();
                self.next(self.frame.union(&other), sql, self.columns.clone())
            }
            Step::Both { except, column, value } => {
                let (condition, sql) = self.condition(column, 3, value);
                let word = if except { "EXCEPT" } else { "INTERSECT" };
                let sql = format!("SELECT * {0} {word} SELECT * {0} WHERE {sql}", self.from());
                let other = self.frame.filter(condition).unwrap();
                let frame = if except { self.frame.except(&other) } else { self.frame.intersect(&other) };
                self.next(frame, sql, self.columns.clone())
            }
            Step::Join { key, how } => self.join(key, how, base),
            Step::Window { by, column, what } => self.window(by, column, what),
            Step::Unpivot => {
                let wholes: Vec<String> = self
                    .columns
                    .iter()
                    .filter(|(_, kind)| *kind == Kind::Whole)
                    .map(|(name, _)| name.clone())
                    .collect();
                if wholes.is_empty() {
                    return self;
                }
                let (name, value) = (self.new_name(), self.new_name());
                let mut columns: Vec<_> =
                    self.columns.iter().filter(|(_, kind)| *kind != Kind::Whole).cloned().collect();
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
            Step::Counts { column } => {
                if self.name(column) == "count" {
                    return self;
                }
                let (name, kind) = self.columns[column % self.columns.len()].clone();
                let sql = format!("SELECT {0}, count(*) AS \"count\" {1} GROUP BY {0}", quoted(&name), self.from());
                self.next(self.frame.value_counts(&name), sql, vec![(name, kind), ("count".into(), Kind::Whole)])
            }
        }
    }

    fn with(mut self, column: usize, what: usize, value: i64) -> Self {
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

    fn group(mut self, key: usize, column: usize, what: usize) -> Self {
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
    fn join(mut self, key: usize, how: usize, base: &Chain) -> Self {
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
    fn window(mut self, by: usize, column: usize, what: usize) -> Self {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_chain_of_calls_is_the_sql_that_says_the_same(
        rows in rows(),
        partitions in 1..4_usize,
        steps in proptest::collection::vec(step(), 1..7),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ctx = context();
        let base = Chain::new(frame(&ctx, &rows, partitions), "Base");
        let chain = steps.iter().fold(base.clone(), |chain, step| chain.apply(step, &base));
        let by_sql = runtime.block_on(ctx.sql(&chain.sql));
        let by_sql = by_sql.unwrap_or_else(|error| panic!("{}\n{}", chain.sql, error.report()));
        prop_assert_eq!(chain.frame.columns(), by_sql.columns(), "{}", chain.sql);
        let (calls, sql) = runtime.block_on(async { (sorted(&chain.frame).await, sorted(&by_sql).await) });
        prop_assert_eq!(calls, sql, "{}", chain.sql);
    }
}
