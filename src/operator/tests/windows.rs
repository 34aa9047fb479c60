//! Window functions over partitions that fit and partitions that do not.

use proptest::prelude::*;

use super::oracle::{Table, block_on, config, tables};

/// Each with a frame or without; `{o}` is the order by.
const FUNCTIONS: [&str; 54] = [
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
    "count(DISTINCT v) OVER ({p} {o})",
    "count(DISTINCT s) OVER ({p} ORDER BY g)",
    "count(DISTINCT k) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
    "mode(s) OVER ({p})",
    "mode(v) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "median(v) OVER ({p} {o})",
    "median(v) OVER ({p} {o} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)",
    "median(v / 4.0) OVER ({p} {o} ROWS BETWEEN 90 PRECEDING AND 5 FOLLOWING)",
    "median(arrow_cast(v, 'Decimal128(9, 2)')) OVER ({p} ORDER BY g)",
    "quantile_cont(v, 0.3) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND 3 FOLLOWING)",
    "quantile_cont(arrow_cast(v, 'Float32'), 0.123456789) OVER ({p} ORDER BY id RANGE BETWEEN 700 PRECEDING AND 10 FOLLOWING)",
    "count(DISTINCT v) OVER ({p} {o} ROWS BETWEEN 80 PRECEDING AND 3 FOLLOWING)",
    "count(DISTINCT s) OVER ({p} ORDER BY id GROUPS BETWEEN 70 PRECEDING AND 1 PRECEDING)",
    "count(DISTINCT id) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND 2 FOLLOWING)",
    "sum(DISTINCT v) OVER ({p} {o} ROWS BETWEEN 80 PRECEDING AND 3 FOLLOWING)",
    "sum(DISTINCT id % 700) OVER ({p} {o})",
    "avg(DISTINCT v) OVER ({p} ORDER BY g)",
    "mode(v) OVER ({p} {o})",
    "mode(s) OVER ({p} {o} ROWS BETWEEN 100 PRECEDING AND 2 FOLLOWING)",
    "median(v) FILTER (WHERE g = 1) OVER ({p})",
    "sum(v) FILTER (WHERE g = 1) OVER ({p})",
    "count(*) FILTER (WHERE v > 3) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
];

/// Functions whose value for each row is as long as a partition.
const COLLECTED: [&str; 3] = [
    "array_agg(v) OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "string_agg(s, ', ') OVER ({p} {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "array_agg(v) OVER ({p} {o})",
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
        mut functions in prop::sample::subsequence(&FUNCTIONS[..], 1..6),
        collected in prop::sample::subsequence(&COLLECTED[..], 0..2),
    ) {
        functions.extend(&collected);
        // What few rows need has to fit, and lists, for each of up to three partitions.
        table.memory = table.memory.max(if collected.is_empty() { 150_000 } else { 2_000_000 });
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

/// Every row of a partition had its list of the whole of it in one batch: 6 million rows in groups of 600 took 214 MB of
/// 128, and a text of all of them 339 MB.
#[tokio::test]
async fn lists_of_a_whole_partition_go_out_a_few_at_a_time() {
    let mut table = Table { rows: Vec::new(), partitions: 2, input_rows: 64, batch_size: 64, memory: 10_000_000 };
    table.rows = (0..600).map(|i| (Some(i % 4), Some(i % 3), Some(i * 31 % 1000))).collect();
    let sql = sql(&COLLECTED[..2], "PARTITION BY k");
    table.check(&sql, "SpillingWindowExec").await;
    let batches = table.batches_of(&sql).await;
    let most = batches.iter().map(|batch| batch.num_rows()).max();
    assert!(most < Some(10), "150 values of 50 bytes and more in each row, {most:?} rows in a batch");
    table.memory = 100_000;
    assert!(table.check(&sql, "SpillingWindowExec").await > 0);
}

/// A table of numbers that was cleared took the first number of the next partition for the NULL of the one before.
#[tokio::test]
async fn nulls_of_one_partition_are_none_of_the_next() {
    let rows = (0..600).map(|i| (Some(i % 7), Some(i % 3), (i % 4 > 0).then_some(i))).collect();
    for memory in [60_000, 10_000_000] {
        let rows = Vec::clone(&rows);
        let table = Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory };
        table.check("SELECT id, count(DISTINCT v) OVER (PARTITION BY k ORDER BY id) FROM t", "RunningWindowExec").await;
    }
}

/// The values that had been seen had to fit: "RunningWindowExec[0] cannot have 30.4 MB more" of 6 million rows at 128 MB.
#[tokio::test]
async fn different_values_so_far_go_to_disk() {
    let rows = (0..3_000).map(|i| (Some(i % 2), (i % 10 > 0).then_some(i % 3), Some(i * 31 % 1000))).collect();
    let table = Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory: 60_000 };
    for window in ["ORDER BY v", "PARTITION BY k ORDER BY id", "PARTITION BY g ORDER BY v DESC", "ORDER BY g"] {
        let ids = format!("count(DISTINCT id) OVER ({window})");
        let texts = format!("count(DISTINCT s) OVER ({window}, id ROWS UNBOUNDED PRECEDING)");
        for function in [ids, texts] {
            let spilled = table.check(&format!("SELECT id, {function} FROM t"), "RunningWindowExec").await;
            assert!(spilled > 0, "{function} did not spill");
        }
    }
}

/// All values of a frame had to fit: 6 million rows at 128 MB were refused a median of all rows so far.
#[tokio::test]
async fn frames_whose_values_are_kept_go_to_disk() {
    let rows = (0..3_000).map(|i| (Some(i % 2), (i % 10 > 0).then_some(i % 3), Some(i * 31 % 1000))).collect();
    let table = Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory: 60_000 };
    let functions = [
        "median(id)",
        "median(v / 4.0)",
        "quantile_cont(id, 0.77)",
        "count(DISTINCT id)",
        "sum(DISTINCT id / 2)",
        "mode(id / 3)",
        "mode(s)",
    ];
    let frames = [
        "ORDER BY id ROWS BETWEEN 2000 PRECEDING AND 7 FOLLOWING",
        "PARTITION BY k ORDER BY v, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING",
        "ORDER BY g, v DESC, id DESC ROWS BETWEEN 1500 PRECEDING AND 500 PRECEDING",
    ];
    for frame in frames {
        for function in functions {
            let spilled =
                table.check(&format!("SELECT id, {function} OVER ({frame}) FROM t"), "RunningWindowExec").await;
            assert!(spilled > 0, "{function} over {frame} did not spill");
        }
        // The engine has no such average of a frame that rows leave.
        let wrong = format!(
            "SELECT id FROM (SELECT id, avg(DISTINCT id) OVER w AS a, sum(DISTINCT id) OVER w AS s, \
             count(DISTINCT id) OVER w AS c FROM t WINDOW w AS ({frame})) WHERE a IS DISTINCT FROM s::DOUBLE / c"
        );
        assert_eq!(table.rows_of(&wrong).await, [""; 0], "{frame}");
    }
}

/// Seen backward, a frame that begins behind all values of the type is empty, and rows with NULL that frames before and
/// after it have were still in: they counted for it.
#[tokio::test]
async fn an_empty_frame_between_others_has_the_value_of_no_rows() {
    let rows = (0..8_000).map(|i| (Some(i % 2), Some(i % 3), Some(i * 31 % 1000))).collect();
    let table = Table { rows, partitions: 2, input_rows: 64, batch_size: 64, memory: 60_000 };
    let rows = "(SELECT *, CASE WHEN id IN (7, 8) THEN 9223372036854775800 + id - 3 WHEN id % 10 > 1 THEN NULL ELSE id END \
                AS o FROM t)";
    for function in
        ["median(v)", "quantile_cont(id, 0.3)", "count(DISTINCT id)", "sum(DISTINCT id)", "mode(v)", "max(v)"]
    {
        let window = "PARTITION BY k ORDER BY o RANGE BETWEEN 5 FOLLOWING AND UNBOUNDED FOLLOWING";
        // Of rows behind such a frame, which have NULL, the engine's frames are empty as well.
        let sql = format!(
            "SELECT id, m FROM (SELECT id, o, {function} OVER ({window}) AS m FROM {rows}) WHERE o IS NOT NULL"
        );
        assert!(table.check(&sql, "SpillingWindowExec").await > 0, "{function} did not spill");
    }
}

/// What a NaN had left in a sum stayed there when it had gone.
#[tokio::test]
async fn a_nan_that_has_left_the_frame_is_forgotten() {
    let table =
        Table { rows: vec![(None, None, None); 5], partitions: 1, input_rows: 5, batch_size: 64, memory: 1_000_000 };
    let rows = "VALUES (1, 'NaN'::DOUBLE), (2, NULL), (3, NULL), (4, 1.0), (5, 2.0)";
    let sql = format!(
        "SELECT avg(DISTINCT x) OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS a FROM ({rows}) AS r(i, x)"
    );
    let rows = table.rows_of(&format!("SELECT sum(a) AS s, count(a) AS n FROM ({sql}) WHERE NOT isnan(a)")).await;
    assert_eq!(rows, table.rows_of("SELECT 2.5::DOUBLE AS s, 2 AS n").await);
}

/// "Aggregate can not be used as a sliding accumulator": of a partition that fits, frames that end with it were the
/// engine's, which takes rows out of an aggregate one by one, or, of medians, sorts the frame of every row.
#[tokio::test]
async fn frames_that_end_with_a_partition_that_fits_are_found_from_its_end() {
    let rows: Vec<_> = (0..900).map(|i| (Some(i % 5), Some(i % 3), (i % 4 > 0).then_some(i * 31 % 100))).collect();
    for memory in [60_000, 10_000_000] {
        let table = Table { rows: rows.clone(), partitions: 2, input_rows: 64, batch_size: 64, memory };
        for function in ["avg(DISTINCT v)", "median(v)", "mode(v)", "bit_and(v)", "bool_or(v > 90)", "bit_or(v)"] {
            let ahead = format!(
                "{function} OVER (PARTITION BY k ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"
            );
            let back = format!("{function} OVER (PARTITION BY k ORDER BY id DESC)");
            let wrong =
                format!("SELECT id FROM (SELECT id, {ahead} AS a, {back} AS b FROM t) WHERE a IS DISTINCT FROM b");
            assert_eq!(table.rows_of(&wrong).await, [""; 0], "{function}, {memory} bytes");
        }
    }
}
