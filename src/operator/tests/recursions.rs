//! Recursive queries, with steps and rows seen that fit and that do not.

use proptest::prelude::*;

use super::oracle::{Table, block_on, config, tables};

const QUERIES: [&str; 6] = [
    "WITH RECURSIVE r(k, s, d) AS (SELECT k, s, 0 FROM t UNION ALL SELECT k + 1, s, d + 1 FROM r WHERE d < 3) \
     SELECT * FROM r",
    "WITH RECURSIVE r(k) AS (SELECT k FROM t UNION SELECT (k * 3 + 1) % 501 FROM r) SELECT * FROM r",
    "WITH RECURSIVE r(k, s, v) AS (SELECT k, s, v FROM t UNION SELECT (k * 5) % 77, s, NULL FROM r WHERE k > 3) \
     SELECT * FROM r",
    "WITH RECURSIVE r(k, v) AS (SELECT k, v FROM t WHERE id < 9 UNION SELECT t.k, t.v FROM r JOIN t ON r.v = t.k) \
     SELECT count(*), sum(k), sum(v) FROM r",
    "WITH RECURSIVE r(a, b) AS (SELECT id, k FROM t UNION ALL SELECT a, b / 2 FROM r WHERE b > 0) \
     SELECT b, count(*) FROM r GROUP BY b",
    "WITH RECURSIVE r(n) AS (SELECT id FROM t UNION ALL (SELECT n - 100 FROM r WHERE n >= 100 ORDER BY n LIMIT 20)) \
     SELECT * FROM r",
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn recursions_are_those_of_the_engine(table in tables(), query in prop::sample::select(&QUERIES[..])) {
        block_on(table.check(query, "SpillingRecursionExec"));
    }
}

/// The engine held a step, and with UNION all rows ever seen, and failed where they did not fit.
#[tokio::test]
async fn steps_and_rows_seen_go_to_disk() {
    let rows = (0..8_000).map(|i| (Some(i * 7919 % 10_007), Some(i % 3), Some(i % 100))).collect();
    let mut table = Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory: 300_000 };
    for query in &QUERIES[..3] {
        assert!(table.check(query, "SpillingRecursionExec").await > 0, "{query} did not spill");
    }
    // A partition of the rows seen had to fit.
    table.memory = 40_000;
    for query in &QUERIES[..3] {
        assert!(table.check(query, "SpillingRecursionExec").await > 0, "{query} did not spill");
    }
    table.memory = 100_000_000;
    for query in QUERIES {
        assert_eq!(table.check(query, "SpillingRecursionExec").await, 0);
    }
}
