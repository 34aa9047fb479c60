//! Groups, distinct values and first rows.

use proptest::prelude::*;

use super::oracle::{Table, block_on, config, tables};

const FUNCTIONS: [&str; 21] = [
    "count(*)",
    "count(v)",
    "sum(v)",
    "min(s)",
    "max(s)",
    "avg(v)",
    "median(v)",
    "percentile_cont(0.9) WITHIN GROUP (ORDER BY v)",
    "quantile_cont(v, 0.33)",
    "array_sort(array_agg(k) FILTER (WHERE g > 0))",
    "array_sort(array_agg(s))",
    "length(string_agg(s, ','))",
    "count(DISTINCT v)",
    "sum(DISTINCT v)",
    "count(DISTINCT s) FILTER (WHERE g > 0)",
    "count(DISTINCT g)",
    "array_agg(id ORDER BY id)",
    "string_agg(s, ',' ORDER BY id)",
    "first_value(s ORDER BY id DESC)",
    "bool_or(v > 10)",
    "approx_distinct(v)",
];

/// Functions whose result, or sketch, is large: that of one group has to fit.
fn with_room_for(functions: &[&str], mut table: Table) -> Table {
    let large = ["array_agg", "string_agg", "first_value", "approx_distinct"];
    if functions.iter().any(|function| large.iter().any(|large| function.starts_with(large))) {
        table.memory = table.memory.max(2_000_000);
    }
    table
}

const KEYS: [&str; 8] =
    ["k", "s", "k, g", "s, g", "k % 10, g IS NULL", "ROLLUP (k, g)", "GROUPING SETS ((k), (g), ())", "[k, g]"];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn groups_are_those_of_the_engine(
        table in tables(),
        keys in prop::sample::select(&KEYS[..]),
        functions in prop::sample::subsequence(&FUNCTIONS[..], 1..5),
    ) {
        let sql = format!("SELECT {} FROM t GROUP BY {keys}", functions.join(", "));
        block_on(with_room_for(&functions, table).check(&sql, "SpillingAggregateExec"));
    }

    #[test]
    fn values_of_the_whole_table_are_those_of_the_engine(
        table in tables(),
        functions in prop::sample::subsequence(&FUNCTIONS[..], 1..5),
    ) {
        let sql = format!("SELECT {} FROM t", functions.join(", "));
        block_on(with_room_for(&functions, table).check(&sql, ""));
    }

    #[test]
    fn first_rows_are_those_of_the_engine(
        table in tables(),
        key in prop::sample::select(vec!["v", "s", "k", "g, s"]),
        direction in prop::sample::select(vec!["", "DESC", "NULLS FIRST", "DESC NULLS LAST"]),
        limit in 20..300usize,
    ) {
        let sql = format!("SELECT * FROM t ORDER BY {key} {direction}, id LIMIT {limit}");
        block_on(table.check_in_order(&sql, ""));
    }
}

fn table(rows: i64, memory: usize) -> Table {
    let rows = (0..rows).map(|i| (Some(i * 7919 % 10_007), Some(i % 3), Some(i % 100))).collect();
    Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory }
}

#[tokio::test]
async fn groups_go_to_disk_and_come_back() {
    for sql in [
        "SELECT k, count(*), sum(v) FROM t GROUP BY k",
        "SELECT k, s, min(id) FROM t GROUP BY k, s",
        "SELECT k, g, max(s), sum(id) FROM t GROUP BY ROLLUP (k, g)",
        "SELECT DISTINCT k, s FROM t",
        "SELECT count(DISTINCT k), count(DISTINCT s), count(DISTINCT id) FROM t",
    ] {
        let spilled = table(5_000, 100_000).check(sql, "SpillingAggregateExec").await;
        assert!(spilled > 0, "{sql} did not spill");
        assert_eq!(table(5_000, 100_000_000).check(sql, "SpillingAggregateExec").await, 0);
    }
}

/// Most rows of the second half are groups that the first half has: those that go to disk without being looked at must
/// still meet the others.
#[tokio::test]
async fn rows_that_pass_to_disk_meet_their_groups() {
    let mut table = table(4_000, 100_000);
    let again: Vec<_> = table.rows.iter().rev().copied().collect();
    table.rows.extend(again);
    assert!(table.check("SELECT k, count(*), sum(v), max(s) FROM t GROUP BY k", "SpillingAggregateExec").await > 0);
}

/// A group whose state did not fit was merged by accumulators without groups, which write other states than those with:
/// "Impossibly got invalid binary array from states".
#[tokio::test]
async fn the_state_of_one_large_group_is_merged_as_that_of_a_group() {
    let mut table = table(3_000, 60_000);
    table.rows.iter_mut().for_each(|row| row.0 = Some(7));
    let sql = "SELECT k, median(id), approx_distinct(id), count(*), sum(v), max(s) FROM t GROUP BY k";
    assert!(table.check(sql, "SpillingAggregateExec").await > 0);
    let sql = "SELECT median(id), median(v), approx_distinct(id), count(*), max(s) FROM t";
    // Two sketches have 32 kB.
    table.memory = 40_000;
    assert!(table.check(sql, "SpillingAggregateExec").await > 0);
}

/// Of one group too large for memory, `percentile_cont` was refused: only `median` had a way from disk.
#[tokio::test]
async fn quantiles_of_one_large_group_are_found_on_disk() {
    let mut table = table(3_000, 60_000);
    table.rows.iter_mut().for_each(|row| row.0 = Some(7));
    let quantiles = "percentile_cont(0.9) WITHIN GROUP (ORDER BY id), quantile_cont(v, 0.123456789), \
        percentile_cont(0.25) WITHIN GROUP (ORDER BY v / 7.0 DESC), quantile_cont(arrow_cast(v, 'Float32'), 0.77), \
        quantile_cont(id, 0.5) FILTER (WHERE id = 3) AS a, quantile_cont(id, 0.5) FILTER (WHERE id < 0) AS b";
    let sql = format!("SELECT k, {quantiles}, count(*) FROM t GROUP BY k");
    assert!(table.check(&sql, "SpillingAggregateExec").await > 0);
    table.memory = 20_000;
    let sql = format!("SELECT {quantiles}, count(*) FROM t");
    assert!(table.check(&sql, "SpillingAggregateExec").await > 0);
}

/// The greatest struct of each group was an array of its own, which held on to its batch: 1.8 GB of 128 MB for 1.5 million
/// groups of `max(struct(price, comment))`.
#[tokio::test]
async fn the_greatest_structs_of_many_groups_go_to_disk() {
    let mut table = table(3_000, 200_000);
    table.rows.iter_mut().enumerate().for_each(|(row, values)| values.0 = (row % 3 > 0).then_some(row as i64 % 700));
    let value = |first: &str| format!("named_struct('a', {first}, 's', s, 'in', named_struct('v', v, 'id', id))");
    let sql = format!(
        "SELECT k, max({}), min({}) FILTER (WHERE g > 0), max(CASE WHEN v > 0 THEN {} END) FROM t GROUP BY k",
        value("v"),
        value("g"),
        value("id"),
    );
    assert!(table.check(&sql, "SpillingAggregateExec").await > 0);
}

/// A median made the aggregate one of rows, repartitioned below it: they were in the order that `array_agg` had asked for
/// no longer.
#[tokio::test]
async fn beside_a_median_lists_keep_their_order() {
    let mut table = table(1_000, 10_000_000);
    table.partitions = 3;
    let sql = "SELECT g, median(v), array_agg(id ORDER BY k, id) FROM t GROUP BY g";
    table.check(sql, "SpillingAggregateExec").await;
}
