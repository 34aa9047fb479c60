//! Window frames of every kind, larger than what is in memory.

use proptest::prelude::*;

use super::oracle::{Table, block_on, config, tables};

/// An order in which equal rows have equal texts, and how far the bounds of a RANGE may be in it, in rising order.
const ORDERS: [(&str, [&str; 4]); 10] = [
    ("v", ["0", "2", "7", "60"]),
    ("v NULLS FIRST", ["1", "2", "3", "200"]),
    ("v DESC", ["0", "2", "7", "60"]),
    ("v DESC NULLS LAST", ["1", "4", "9", "30"]),
    ("id", ["1", "4", "30", "90"]),
    ("arrow_cast(v, 'Date32')", ["INTERVAL '1 day'", "INTERVAL '3 days'", "INTERVAL '1 month'", "INTERVAL '3 months'"]),
    ("arrow_cast(v, 'Decimal128(9, 2)') DESC", ["0", "1.5", "3", "40.25"]),
    ("arrow_cast(v * 2, 'Int8')", ["1", "6", "50", "120"]),
    ("arrow_cast(v + 50, 'UInt8') DESC NULLS LAST", ["1", "6", "50", "220"]),
    ("v / 2.0", ["0.5", "1.7", "8", "1000"]),
];

/// The same for rows and for groups of peers.
const ROWS: [&str; 4] = ["1", "3", "20", "150"];
const GROUPS: [&str; 4] = ["1", "2", "5", "40"];

/// Functions of a frame `{w}`; of all windows that have rows with one text side by side.
const FUNCTIONS: [&str; 20] = [
    "sum(v) OVER {w}",
    "count(v) OVER {w}",
    "count(*) OVER {w}",
    "avg(v) OVER {w}",
    "min(v) OVER {w}",
    "max(s) OVER {w}",
    "min(s) OVER {w}",
    "max(v / 4.0) OVER {w}",
    "max(arrow_cast(v, 'Date32')) OVER {w}",
    "min(struct(coalesce(v, 7))) OVER {w}",
    "count(DISTINCT g) OVER {w}",
    "sum(v) FILTER (WHERE id % 3 = 1) OVER {w}",
    "max(s) FILTER (WHERE g = 1) OVER {w}",
    "first_value(s) OVER {w}",
    "last_value(s) OVER {w}",
    "nth_value(s, 3) OVER {w}",
    "nth_value(v, -2) OVER {w}",
    "first_value(s) IGNORE NULLS OVER {w}",
    "last_value(v) IGNORE NULLS OVER {w}",
    "nth_value(s, 2) IGNORE NULLS OVER {w}",
];

/// What keeps aside whatever has more.
const MORE: [&str; 4] = [
    "nth_value(s, -3) IGNORE NULLS OVER {w}",
    "lag(s, 5, 'none') OVER ({p} ORDER BY id DESC)",
    "lead(v, 100001) OVER ({p} ORDER BY id)",
    "row_number() OVER ({p} ORDER BY id)",
];

/// Bounds from 5 before to 5 after, which are those that are open; the start is no later than the end.
fn bounds() -> impl Strategy<Value = (i32, i32)> {
    (-5..=5i32, -5..=5i32).prop_map(|(a, b)| (a.min(b).min(4), a.max(b).max(-4)))
}

fn bound(bound: i32, distances: &[&str; 4]) -> String {
    let far = ["UNBOUNDED"];
    let distance = distances.iter().chain(&far).nth(bound.unsigned_abs() as usize - usize::from(bound != 0));
    match bound {
        0 => "CURRENT ROW".to_owned(),
        back if back < 0 => format!("{} PRECEDING", distance.unwrap()),
        _ => format!("{} FOLLOWING", distance.unwrap()),
    }
}

/// The frame of a window that has the order of that number.
fn window(units: u8, order: usize, (start, end): (i32, i32)) -> String {
    let (order, distances) = ORDERS[order];
    let (units, order, distances) = match units {
        0 => ("ROWS", format!("{order}, id"), ROWS),
        1 => ("GROUPS", order.to_owned(), GROUPS),
        _ => ("RANGE", order.to_owned(), distances),
    };
    let (start, end) = (bound(start, &distances), bound(end, &distances));
    format!("({{p}} ORDER BY {order} {units} BETWEEN {start} AND {end})")
}

fn sql(functions: &[&str], windows: &[String], partition: &str) -> String {
    let windows = windows.iter().cycle();
    let functions = functions.iter().zip(windows).map(|(function, window)| function.replace("{w}", window));
    format!("SELECT id, {} FROM t", functions.collect::<Vec<_>>().join(", ").replace("{p}", partition))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn frames_are_those_of_the_engine(
        table in tables(),
        memory in prop::sample::select(vec![160_000usize, 500_000, 10_000_000]),
        partition in prop::sample::select(vec!["", "PARTITION BY k", "PARTITION BY g"]),
        functions in prop::sample::subsequence([&FUNCTIONS[..], &MORE[..]].concat(), 1..5),
        order in 0..ORDERS.len(),
        frames in prop::collection::vec((0..3u8, bounds()), 1..3),
    ) {
        // The engine's accumulator counts, for each value, the batch that it was in: such a frame has to fit.
        let holds_batches = |function: &&str| function.contains("struct") && memory < 1_000_000;
        let functions: Vec<_> = functions.into_iter().filter(|function| !holds_batches(function)).collect();
        prop_assume!(!functions.is_empty());
        let windows: Vec<_> = frames.into_iter().map(|(units, bounds)| window(units, order, bounds)).collect();
        let alone = |(place, function): (usize, &&str)| sql(&[*function], &[windows[place % windows.len()].clone()], partition);
        let columns = functions.iter().enumerate().map(alone).collect::<Vec<_>>();
        block_on(Table { memory, ..table }.check_by_columns(&sql(&functions, &windows, partition), &columns));
    }
}

/// Aggregates that the engine has for no frame that leaves rows behind, and what says the same.
const NOT_OF_THE_ENGINE: [(&str, &str); 6] = [
    (
        "string_agg(s, ', ') OVER {w}",
        "CASE WHEN count(s) OVER {w} > 0 THEN array_to_string(array_agg(s) OVER {w}, ', ') END",
    ),
    ("bool_and(v > 20) OVER {w}", "min((v > 20)::INT) OVER {w} = 1"),
    ("bool_or(v > 20) OVER {w}", "max((v > 20)::INT) OVER {w} = 1"),
    ("bit_or(abs(v) % 4) OVER {w}", "max((abs(v) % 4) & 1) OVER {w} + max((abs(v) % 4) & 2) OVER {w}"),
    ("bit_and(abs(v) % 4) OVER {w}", "min((abs(v) % 4) & 1) OVER {w} + min((abs(v) % 4) & 2) OVER {w}"),
    ("approx_distinct(g) OVER {w}", "count(DISTINCT g) OVER {w}"),
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn frames_that_the_engine_refuses_have_the_values_of_their_rows(
        table in tables(),
        memory in prop::sample::select(vec![500_000usize, 10_000_000]),
        partition in prop::sample::select(vec!["", "PARTITION BY k", "PARTITION BY g"]),
        function in prop::sample::select(&NOT_OF_THE_ENGINE[..]),
        order in 0..ORDERS.len(),
        (units, bounds) in (0..3u8, bounds()),
        is_beside in any::<bool>(),
    ) {
        // Beside one that looks ahead, a frame of the same order is found from the end of its partition. Lists are not.
        let beside = if is_beside { format!(", sum(v) OVER {} AS n", self::window(units, order, (0, 5))) } else { String::new() };
        let memory = if is_beside { 10_000_000 } else { memory };
        let window = window(units, order, bounds);
        let (value, same) = (function.0.replace("{w}", &window), function.1.replace("{w}", &window));
        let wrong = format!("SELECT id FROM (SELECT id, {value} AS a, {same} AS b{beside} FROM t) WHERE a IS DISTINCT FROM b");
        let table = Table { memory, ..table };
        prop_assert_eq!(block_on(table.rows_of(&wrong.replace("{p}", partition))), [""; 0]);
    }
}

/// NULLs that a frame had left came back with one that began beyond the greatest value of the type, and left once more:
/// text was cut off that was not theirs.
#[tokio::test]
async fn what_has_left_the_frame_does_not_come_back() {
    let table =
        Table { rows: vec![(None, None, None); 5], partitions: 1, input_rows: 5, batch_size: 64, memory: 10_000_000 };
    let rows = "VALUES (124, 'd'), (125, 'c'), (126, 'bb'), (127, 'a'), (NULL, 'nnn')";
    let window = |end| format!("(ORDER BY i RANGE BETWEEN 1 FOLLOWING AND {end} FOLLOWING)");
    let sql = format!(
        "SELECT i, string_agg(s, ',') OVER {}, max(s) OVER {0}, sum(length(s)) OVER {0}, count(i) OVER {} \
         FROM (SELECT arrow_cast(a, 'Int8') AS i, b AS s FROM ({rows}) AS r(a, b)) ORDER BY i",
        window("3"),
        window("UNBOUNDED"),
    );
    let found = table.rows_of(&sql).await;
    let expected =
        ["124 | c,bb,a | c | 4 | 3", "125 | bb,a | bb | 3 | 2", "126 | a | a | 1 | 1", "127 | NULL | NULL | NULL | 0"];
    assert_eq!(found[..4], expected);
}

/// "Aggregate can not be used as a sliding accumulator because `retract_batch` is not implemented".
#[tokio::test]
async fn what_rows_cannot_be_taken_from_goes_to_disk() {
    let rows = (0..3_000).map(|i| (Some(i % 2), (i % 10 > 0).then_some(i % 3), Some(i * 31 % 1000))).collect();
    let mut table = Table { rows, partitions: 1, input_rows: 64, batch_size: 64, memory: 60_000 };
    let frames = [
        "ORDER BY id ROWS BETWEEN 1500 PRECEDING AND 100 FOLLOWING",
        "PARTITION BY k ORDER BY id ROWS BETWEEN 800 PRECEDING AND 100 PRECEDING",
    ];
    for frame in frames {
        let sql = format!(
            "SELECT id, bit_and(v | 512) OVER w AS a, bool_or(v = 7) OVER w AS o, bit_or(id) OVER w AS i \
             FROM t WINDOW w AS ({frame}) ORDER BY id"
        );
        table.memory = 10_000_000;
        let rows = table.rows_of(&sql).await;
        table.memory = 60_000;
        assert_eq!(table.rows_of(&sql).await, rows, "{frame}");
    }
}

/// Frames of many rows, of which few fit.
#[tokio::test]
async fn frames_larger_than_memory_go_to_disk() {
    let rows = (0..3_000).map(|i| (Some(7), (i % 10 > 0).then_some(i % 3), Some(3_000 - i))).collect();
    let table = Table { rows, partitions: 1, input_rows: 64, batch_size: 64, memory: 60_000 };
    let frames = ["ROWS BETWEEN 1500 PRECEDING AND 100 FOLLOWING", "RANGE BETWEEN 1800 PRECEDING AND 900 PRECEDING"];
    let functions = ["max(s)", "bit_xor(v)", "first_value(s)", "nth_value(g, 700) IGNORE NULLS", "count(DISTINCT g)"];
    for frame in frames.into_iter().chain(["GROUPS BETWEEN 800 FOLLOWING AND 1700 FOLLOWING"]) {
        for function in functions {
            let sql = format!("SELECT id, {function} OVER (ORDER BY id {frame}) FROM t");
            assert!(table.check(&sql, "RunningWindowExec").await > 0, "{sql} did not spill");
        }
    }
}

/// Not against the engine: the second value that is not NULL is NULL there, or another's, for some rows.
#[tokio::test]
async fn lag_and_lead_leave_nulls_out() {
    let rows: Vec<_> =
        (0..600i64).map(|i| (Some(i * 5 % 3), Some(2), (i * 7 % 11 > 4).then_some(i * 13 % 50))).collect();
    let table = Table { rows: rows.clone(), partitions: 2, input_rows: 20, batch_size: 20, memory: 300_000 };
    let nth = |row: usize, others: &mut dyn Iterator<Item = usize>, n: usize| {
        let same = others.filter(|other| rows[*other].0 == rows[row].0);
        same.filter_map(|other| rows[other].2).nth(n).map_or("-1".to_owned(), |value| value.to_string())
    };
    let expected = (0..rows.len()).map(|row| {
        let (lag, lead) = (nth(row, &mut (0..row).rev(), 1), nth(row, &mut (row + 1..rows.len()), 2));
        format!("{row} | {lag} | {lead}")
    });
    let window = "IGNORE NULLS OVER (PARTITION BY k ORDER BY id)";
    let sql = format!("SELECT id, lag(v, 2, -1) {window}, lead(v, 3, -1) {window} FROM t ORDER BY id");
    assert_eq!(table.rows_of(&sql).await, expected.collect::<Vec<_>>());
}

/// A partition on disk was read backward for it: the list of each row was in the opposite order.
#[tokio::test]
async fn lists_keep_the_order_of_their_frame_or_are_refused() {
    let rows = (0..2_000).map(|i| (Some(7), Some(i % 3), Some(i))).collect();
    let mut table = Table { rows, partitions: 1, input_rows: 64, batch_size: 64, memory: 100_000_000 };
    let list = "array_agg(v) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS l FROM t";
    let sql = format!("SELECT id, l[1], l[-1], array_length(l) FROM (SELECT id, {list} WHERE id > 1900)");
    table.check(&sql, "").await;
    table.memory = 30_000;
    let error = table.error_of(&format!("SELECT id, {list}")).await;
    assert!(error.contains("whole partition"), "{error}");
}
