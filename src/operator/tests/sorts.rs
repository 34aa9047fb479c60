//! Orders.

use proptest::prelude::*;

use super::oracle::{Table, block_on, config, tables};

/// Keys of all kinds: short and long, that begin alike, of fixed and of any length, with NULL and NaN, nested.
const KEYS: [&str; 12] = [
    "k",
    "s",
    "g",
    "k * 1000000007",
    "v % 2 = 0",
    "CASE WHEN v = 0 THEN CAST('NaN' AS DOUBLE) ELSE v * -0.5 END",
    "CAST(v AS DECIMAL(30, 3))",
    "repeat('a', CAST(v + 50 AS BIGINT))",
    "CASE WHEN v > 0 THEN s ELSE '' END",
    "[k, g]",
    "{a: g, b: s}",
    "arrow_cast(s, 'Dictionary(Int32, Utf8)')",
];

fn key() -> impl Strategy<Value = String> {
    let directions = vec!["", "DESC", "NULLS FIRST", "DESC NULLS LAST"];
    let pair = (prop::sample::select(&KEYS[..]), prop::sample::select(directions));
    pair.prop_map(|(key, direction)| format!("{key} {direction}"))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_order_is_that_of_the_engine(table in tables(), keys in prop::collection::vec(key(), 1..4)) {
        block_on(table.check_in_order(&format!("SELECT * FROM t ORDER BY {}, id", keys.join(", ")), ""));
    }
}

fn table(rows: i64, memory: usize) -> Table {
    let rows = (0..rows).map(|i| (Some(i * 7919 % 10_007), Some(i % 3), Some(i % 100))).collect();
    Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory }
}

/// In 60 kB there is room for merging two runs of the sixty or so: they are merged in several passes.
#[tokio::test]
async fn sorts_go_to_disk_and_come_back() {
    for order in ["k", "s DESC, k", "v, g DESC, k DESC", "id % 7, s, k"] {
        let sql = format!("SELECT * FROM t ORDER BY {order}, id");
        assert!(table(8_000, 60_000).check_in_order(&sql, "SpillingSortExec").await > 60, "{sql}");
        assert_eq!(table(8_000, 100_000_000).check_in_order(&sql, "SpillingSortExec").await, 0);
    }
}
