//! As-of joins against a search of all rows.

use super::*;
use proptest::prelude::*;

type Row = (Option<i64>, Option<i64>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec(
        (proptest::option::weighted(0.9, 0..3_i64), proptest::option::weighted(0.9, 0..40_i64)),
        1..30,
    )
}

fn frame(ctx: &Context, rows: &[Row], value: &str) -> Frame {
    let numbered = (0..rows.len() as i64).map(Some).collect();
    let (keys, times) = rows.iter().copied().unzip();
    numbers(ctx, [("k", keys), ("t", times), (value, numbered)])
}

/// The time of the partner, by looking at all.
fn partner((key, time): Row, right: &[Row], way: usize, tolerance: Option<i64>) -> Option<i64> {
    let (key, time) = (key?, time?);
    let times = right.iter().filter(|(other, _)| *other == Some(key)).filter_map(|(_, time)| *time);
    let is_near = |other: &i64| tolerance.is_none_or(|tolerance| (other - time).abs() <= tolerance);
    let before = times.clone().filter(|other| *other <= time).max();
    let behind = times.filter(|other| *other >= time).min();
    let found = match way {
        0 => before,
        1 => behind,
        _ => [before, behind].into_iter().flatten().min_by_key(|other| ((other - time).abs(), *other)),
    };
    found.filter(is_near)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_partner_is_the_nearest(left in rows(), right in rows(), way in 0..3_usize, tolerance in proptest::option::of(0..10_i64), inner in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ctx = context();
        let mut asof = [AsOf::backward, AsOf::forward, AsOf::nearest][way]("t").by(["k"]);
        if let Some(tolerance) = tolerance {
            asof = asof.tolerance(tolerance);
        }
        if inner {
            asof = asof.inner();
        }
        let joined = frame(&ctx, &left, "l").join_asof(&frame(&ctx, &right, "r"), asof).unwrap();
        prop_assert_eq!(joined.columns(), ["k", "t", "l", "t_right", "r"]);
        let found = joined.select(["l", "t_right"]).unwrap();
        let actual = runtime.block_on(sorted(&found));
        let mut expected: Vec<String> = left.iter().enumerate()
            .map(|(at, row)| (at, partner(*row, &right, way, tolerance)))
            .filter(|(_, partner)| !inner || partner.is_some())
            .map(|(at, partner)| format!("{at} {}", partner.map_or("-".to_string(), |time| time.to_string())))
            .collect();
        expected.sort();
        prop_assert_eq!(actual, expected);
    }
}

#[tokio::test]
async fn the_other_columns_are_those_of_one_row() {
    let ctx = context();
    let trades =
        ctx.sql("SELECT * FROM (VALUES (TIMESTAMP '2024-01-01 10:00:05', 'x')) AS t (at, note)").await.unwrap();
    let quotes = "SELECT * FROM (VALUES (TIMESTAMP '2024-01-01 10:00:01', 'a', NULL), (TIMESTAMP '2024-01-01 10:00:04', NULL, 2)) AS q (at, note, bid)";
    let quotes = ctx.sql(quotes).await.unwrap();
    let within = |text: &str| AsOf::backward("at").tolerance(interval(text).unwrap());
    let joined = trades.join_asof(&quotes, within("2 seconds")).unwrap().drop(["at", "at_right"]).unwrap();
    assert_eq!(joined.columns(), ["note", "note_right", "bid"]);
    assert_eq!(listed(&joined).await, ["x - 2"]);
    let too_far = trades.join_asof(&quotes, within("500 milliseconds")).unwrap().select(["bid"]).unwrap();
    assert_eq!(listed(&too_far).await, ["-"]);
    let nearest = trades.join_asof(&quotes, AsOf::nearest("at")).unwrap().select(["bid"]).unwrap();
    assert_eq!(listed(&nearest).await, ["2"]);
    let floats = ctx.sql("SELECT 1.5 AS at").await.unwrap();
    assert!(trades.join_asof(&floats, AsOf::backward("at")).unwrap_err().is_user());
}
