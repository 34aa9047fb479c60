//! Chains of calls over random frames, against the SQL that says the same.
//!
//! Every step is made twice: by calls on the frame before, and as `SELECT … FROM (the SQL before)`. Then both have to have
//! the same columns and the same rows.

#[path = "chains/chain.rs"]
mod chain;
#[path = "chains/columns.rs"]
mod columns;
#[path = "chains/rows.rs"]
mod rows_of_rows;

use super::*;
use chain::Chain;
use datafusion::arrow::array::{Float64Array, StringArray};
use proptest::prelude::*;

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
