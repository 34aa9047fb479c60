//! The first rows of groups, all values of which are found at once.

use proptest::prelude::*;

use super::oracle::{Table, block_on, config, tables};

const VALUES: [&str; 8] = [
    "v",
    "s",
    "CAST(v AS DOUBLE) * -1.0",
    "named_struct('v', v, 's', s)",
    "CASE WHEN v > 0 THEN [v, k] END",
    "count(*)",
    "id",
    "max(s)",
];

const ORDERS: [&str; 5] = ["id", "v DESC NULLS LAST, id", "g NULLS FIRST, s, id DESC", "k, g, id", "s DESC, id"];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn first_rows_of_groups_are_those_of_the_engine(
        table in tables(),
        key in prop::sample::select(vec!["k", "g", "s, g", "k % 10"]),
        values in prop::sample::subsequence(&VALUES[..], 1..8),
        orders in prop::collection::vec((prop::sample::select(&ORDERS[..]), prop::bool::ANY), 8),
    ) {
        let function = |(value, (order, is_first)): (&&str, &(&str, bool))| match (value.ends_with("*)"), is_first) {
            (true, _) => value.to_string(),
            (false, _) if value.starts_with("max") => value.to_string(),
            (false, true) => format!("first_value({value} ORDER BY {order})"),
            (false, false) => format!("last_value({value} ORDER BY {order})"),
        };
        let functions: Vec<_> = values.iter().zip(&orders).map(function).collect();
        let sql = format!("SELECT {key}, {} FROM t GROUP BY {key}", functions.join(", "));
        block_on(Table { memory: table.memory.max(300_000), ..table }.check(&sql, "SpillingAggregateExec"));
    }

    #[test]
    fn one_row_of_each_group_is_that_of_the_engine(
        table in tables(),
        key in prop::sample::select(vec!["k", "g", "g, k", "k % 10"]),
        // The engine's own fails where an order names a column twice.
        order in prop::sample::select(vec!["id", "v DESC NULLS LAST, id", "s NULLS FIRST, v, id DESC"]),
    ) {
        let sql = format!("SELECT DISTINCT ON ({key}) * FROM t ORDER BY {key}, {order}");
        block_on(Table { memory: table.memory.max(300_000), ..table }.check(&sql, "SpillingAggregateExec"));
    }
}

/// `SELECT DISTINCT ON` kept the order of each group once for each column, and took five to 25 times as long as others.
#[tokio::test]
async fn first_rows_go_to_disk_and_come_back() {
    let rows = (0..6_000).map(|i| (Some(i * 7_919 % 2_003), Some(i % 3), Some(i % 100))).collect();
    let mut table = Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory: 300_000 };
    let sql = "SELECT DISTINCT ON (k) * FROM t ORDER BY k, v DESC, id";
    assert!(table.check(sql, "SpillingAggregateExec").await > 0);
    table.memory = 100_000_000;
    assert_eq!(table.check(sql, "SpillingAggregateExec").await, 0);
}

/// Which row is taken where no order is asked for is open, but it is one row.
#[tokio::test]
async fn without_an_order_the_values_are_of_one_row() {
    let rows = (0..3_000).map(|i| (Some(i % 1_009), Some(i % 3), Some(i % 100))).collect();
    let table = Table { rows, partitions: 3, input_rows: 64, batch_size: 64, memory: 300_000 };
    let other = "SELECT count(*) FROM (SELECT DISTINCT ON (k) * FROM t) AS a JOIN t AS b \
        ON a.id = b.id AND a.k = b.k AND a.g = b.g AND a.v = b.v AND a.s = b.s";
    assert_eq!(table.rows_of(other).await, ["1009"]);
}
