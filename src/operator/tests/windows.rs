//! Window functions over partitions that fit and partitions that do not.

use proptest::prelude::*;

use super::oracle::{Table, block_on, config, tables};

/// Each with a frame or without; `{o}` is the order by.
const FUNCTIONS: [&str; 35] = [
    "sum(v) OVER ({p})",
    "count(*) OVER ({p})",
    "max(s) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "sum(v) OVER ({p} {o} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)",
    "sum(v) OVER ({p} {o} ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING)",
    "count(v) OVER ({p} {o} RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)",
    "sum(v) OVER ({p} {o})",
    "row_number() OVER ({p} {o})",
    "rank() OVER ({p} ORDER BY g)",
    "ntile(4) OVER ({p} {o})",
    "percent_rank() OVER ({p} ORDER BY g)",
    "cume_dist() OVER ({p} ORDER BY g)",
    "lag(v, 2) OVER ({p} {o})",
    "lead(v) OVER ({p} {o})",
    "first_value(s) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "last_value(s) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "first_value(g) IGNORE NULLS OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "last_value(v) IGNORE NULLS OVER ({p} ORDER BY id RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "nth_value(s, 3) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "nth_value(v, -2) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "nth_value(v, 2) IGNORE NULLS OVER ({p} ORDER BY id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "avg(v) OVER ({p} {o} ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)",
    "count(s) OVER ({p} {o} ROWS BETWEEN CURRENT ROW AND 3 FOLLOWING)",
    "sum(v / 4.0) OVER ({p} ORDER BY g)",
    "avg(arrow_cast(v, 'Decimal128(9, 2)')) OVER ({p} {o} ROWS BETWEEN 70 PRECEDING AND 2 FOLLOWING)",
    "sum(arrow_cast(v, 'Decimal128(9, 2)')) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING)",
    "min(s) OVER ({p} {o} ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)",
    "max(v) OVER ({p} ORDER BY g)",
    "median(v) OVER ({p})",
    "median(v / 4.0) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "count(DISTINCT v) OVER ({p})",
    "count(DISTINCT s) OVER ({p})",
    "median(v) FILTER (WHERE g = 1) OVER ({p})",
    "sum(v) FILTER (WHERE g = 1) OVER ({p})",
    "count(*) FILTER (WHERE v > 3) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
];

fn sql(functions: &[&str], partition: &str) -> String {
    let functions = functions.join(", ").replace("{p}", partition).replace("{o}", "ORDER BY v, id");
    format!("SELECT id, {functions} FROM t")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn windows_are_those_of_the_engine(
        mut table in tables(),
        partition in prop::sample::select(vec!["", "PARTITION BY k", "PARTITION BY g", "PARTITION BY s, g"]),
        functions in prop::sample::subsequence(&FUNCTIONS[..], 1..6),
    ) {
        // A frame has to fit, for each of up to three partitions.
        table.memory = table.memory.max(150_000);
        block_on(table.check(&sql(&functions, partition), ""));
    }
}

/// Every function over one partition that is on disk as a whole.
#[tokio::test]
async fn a_partition_larger_than_memory_goes_to_disk() {
    let rows = (0..3_000).map(|i| (Some(7), (i % 10 > 0).then_some(i % 3), Some(i * 31 % 1000))).collect();
    let table = Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory: 80_000 };
    for function in FUNCTIONS {
        // Beside one that the engine's other window operator has no way to do.
        let functions = [function, "sum(v) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"];
        for partition in ["PARTITION BY k", ""] {
            let sql = sql(&functions, partition);
            assert!(table.check(&sql, "SpillingWindowExec").await > 0, "{sql} did not spill");
        }
    }
}
