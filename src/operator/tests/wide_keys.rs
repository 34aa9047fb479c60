//! Groups and joins by many columns, which are one key then.

use proptest::prelude::*;

use super::oracle::{Table, block_on, config, tables};

/// Values of every kind: NULLs, both zeros, NaN, texts that are in no view and such as begin alike, dates, decimals.
const VALUES: [&str; 14] = [
    "k",
    "g",
    "v",
    "s",
    "CAST(v % 3 AS DOUBLE) * -1.0",
    "arrow_cast(v % 2, 'Float32') * arrow_cast(-1, 'Float32')",
    "CASE WHEN v = 3 THEN CAST('NaN' AS DOUBLE) ELSE v / 7.0 END",
    "v > 10",
    "CAST(CAST('2026-01-01' AS DATE) + CAST(v || ' days' AS INTERVAL) AS DATE)",
    "arrow_cast(v, 'Decimal128(12, 3)')",
    "arrow_cast(substr(s, 1, 3 + k % 5), 'Utf8')",
    "arrow_cast(s, 'Binary')",
    "arrow_cast(k, 'Timestamp(Millisecond, Some(\"+01:00\"))')",
    "CASE WHEN g = 1 THEN '' END",
];

fn named(values: &[&str]) -> String {
    values.iter().enumerate().map(|(place, value)| format!("{value} AS w{place}")).collect::<Vec<_>>().join(", ")
}

/// The columns with one zero: which of the two a group has is open.
fn with_one_zero(values: &[&str]) -> String {
    let column = |(place, value): (usize, &&str)| match value.contains("-1") {
        true => format!("w{place} + 0.0 AS w{place}"),
        false => format!("w{place}"),
    };
    values.iter().enumerate().map(column).collect::<Vec<_>>().join(", ")
}

fn equal(columns: usize, operator: &str) -> String {
    (0..columns).map(|place| format!("(a.w{place} {operator} b.w{place})")).collect::<Vec<_>>().join(" AND ")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn groups_of_many_columns_are_those_of_the_engine(
        table in tables(),
        values in prop::sample::subsequence(&VALUES[..], 6..14),
        functions in prop::sample::subsequence(vec!["count(*)", "sum(v)", "max(s)", "count(DISTINCT v)", "median(v)"], 0..3),
    ) {
        let keys: Vec<_> = (1..=values.len()).map(|place| place.to_string()).collect();
        let columns = [vec![named(&values)], functions.iter().enumerate().map(|(place, function)| format!("{function} AS f{place}")).collect()].concat();
        let results = (0..functions.len()).map(|place| format!(", f{place}")).collect::<String>();
        let groups = format!("SELECT {} FROM t GROUP BY {}", columns.join(", "), keys.join(", "));
        let sql = format!("SELECT {}{results} FROM ({groups})", with_one_zero(&values));
        block_on(table.check(&sql, "SpillingAggregateExec"));
    }

    #[test]
    fn joins_by_many_columns_are_those_of_the_engine(
        table in tables(),
        values in prop::sample::subsequence(&VALUES[..], 6..14),
        equals in prop::sample::select(vec!["=", "IS NOT DISTINCT FROM"]),
        residual in prop::sample::select(vec!["", " AND a.id < b.id"]),
        kind in prop::sample::select(vec!["JOIN", "LEFT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "RIGHT ANTI JOIN"]),
    ) {
        let rows = format!("SELECT id, {} FROM t", named(&values));
        let wanted = match kind {
            "LEFT SEMI JOIN" => "a.id, a.w0",
            "RIGHT ANTI JOIN" => "b.id, b.w1",
            _ => "a.id AS x, a.w0, b.id AS y, b.w1",
        };
        let on = equal(values.len(), equals);
        let sql = format!("SELECT {wanted} FROM ({rows} WHERE id < 150) a {kind} ({rows} WHERE id % 3 > 0) b ON {on}{residual}");
        block_on(Table { memory: table.memory.max(300_000), ..table }.check(&sql, ""));
    }

    #[test]
    fn sets_of_many_columns_are_those_of_the_engine(
        table in tables(),
        values in prop::sample::subsequence(&VALUES[..], 6..14),
        operation in prop::sample::select(vec!["UNION", "INTERSECT", "EXCEPT"]),
    ) {
        let columns = named(&values);
        let rows = |of| format!("SELECT {columns} FROM t WHERE id % {of} = 0");
        let sql = format!("SELECT {} FROM ({} {operation} {})", with_one_zero(&values), rows(2), rows(3));
        block_on(table.check(&sql, ""));
    }
}

/// `SELECT DISTINCT *` of 1,000 columns held a tenth more than its limit, in pages of the allocator with a few small
/// arrays each.
#[tokio::test]
async fn many_columns_go_to_disk_as_one() {
    let rows = (0..3_000).map(|i| (Some(i % 1_500), Some(i % 3), Some(i % 100))).collect();
    let mut table = Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory: 100_000 };
    let sql = "SELECT DISTINCT k, g, v, s, k + g, k + v, k - v FROM t";
    assert!(table.check(sql, "SpillingAggregateExec").await > 0);
    table.memory = 100_000_000;
    assert_eq!(table.check(sql, "SpillingAggregateExec").await, 0);
}
