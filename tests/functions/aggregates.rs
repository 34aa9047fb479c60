//! Aggregates of a person's own.

use futures::StreamExt;
use partita::prelude::*;

use crate::{context, error, rows, run};

async fn mean_rust(ctx: &Context) {
    let mean = aggregate_function(
        "my_mean",
        || (0.0, 0_i64),
        |state: &mut (f64, i64), value: f64, weight: Option<i64>| {
            let weight = weight.unwrap_or(1);
            *state = (state.0 + value * weight as f64, state.1 + weight);
        },
        |state, other| *state = (state.0 + other.0, state.1 + other.1),
        |state| (state.1 > 0).then(|| state.0 / state.1 as f64),
    );
    ctx.register_aggregate(&mean).unwrap();
}

async fn mean_python(ctx: &Context) {
    run(
        ctx,
        "CREATE FUNCTION my_mean(value DOUBLE, weight BIGINT) RETURNS DOUBLE LANGUAGE PYTHON CALLED ON NULL INPUT AS $$
class my_mean:
    def __init__(self):
        self.sum, self.count = 0.0, 0
    def update(self, value, weight):
        if value is not None:
            weight = 1 if weight is None else weight
            self.sum += value * weight
            self.count += weight
    def merge(self, other):
        self.sum += other.sum
        self.count += other.count
    def finish(self):
        return self.sum / self.count if self.count else None
$$",
    )
    .await;
}

async fn check(ctx: &Context) {
    run(ctx, "CREATE TABLE t AS SELECT value AS n, value % 7 AS k, CASE WHEN value % 10 = 0 THEN NULL ELSE 2 END AS w FROM generate_series(1, 20000)").await;
    let ours = |plain: &str| plain.replace("weighted", "my_mean(n, w)");
    let engine =
        |plain: &str| plain.replace("weighted", "sum(n * coalesce(w, 1)) / CAST(sum(coalesce(w, 1)) AS DOUBLE)");
    for query in [
        "SELECT round(weighted, 6) FROM t",
        "SELECT k, round(weighted, 6) FROM t GROUP BY k ORDER BY k",
        "SELECT n % 5000 AS g, round(weighted, 6) FROM t GROUP BY g ORDER BY g",
        "SELECT k, round(weighted, 6), count(*) FROM t GROUP BY k HAVING weighted > 9999 ORDER BY k",
    ] {
        assert_eq!(rows(ctx, &ours(query)).await, rows(ctx, &engine(query)).await, "{query}");
    }
    assert_eq!(rows(ctx, "SELECT my_mean(n, 1) FROM t WHERE n < 0").await, ["NULL"]);
    assert_eq!(rows(ctx, "SELECT my_mean(n, 1) FILTER (WHERE n <= 3) FROM t").await, ["2.0"]);
    let window = "SELECT n, my_mean(n, 1) OVER (ORDER BY n) FROM t WHERE n <= 3 ORDER BY n";
    assert_eq!(rows(ctx, window).await, ["1|1.0", "2|1.5", "3|2.0"]);
    let whole = "SELECT n, my_mean(n, 1) OVER (PARTITION BY n % 2) FROM t WHERE n <= 3 ORDER BY n";
    assert_eq!(rows(ctx, whole).await, ["1|2.0", "2|2.0", "3|2.0"]);
    for frame in ["ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING", "RANGE BETWEEN 30 PRECEDING AND 10 PRECEDING"] {
        let moving = |mean: &str| {
            format!(
                "SELECT n, round({mean} OVER (PARTITION BY k ORDER BY n {frame}), 6) FROM t WHERE n < 500 ORDER BY n"
            )
        };
        let engine = moving("avg(n)");
        assert_eq!(rows(ctx, &moving("my_mean(n, 1)")).await, rows(ctx, &engine).await, "{frame}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_rust() {
    let ctx = context();
    mean_rust(&ctx).await;
    check(&ctx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_python() {
    let ctx = context();
    mean_python(&ctx).await;
    check(&ctx).await;
    assert_eq!(rows(&ctx, "SHOW FUNCTIONS").await, ["my_mean|value double, weight bigint|double|PYTHON|aggregate"]);
    run(&ctx, "DROP FUNCTION my_mean").await;
    assert!(error(&ctx, "SELECT my_mean(1, 1)").await.is_user());
}

/// Texts and lists are states too.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_lists() {
    let ctx = context();
    let longest = aggregate_function(
        "longest_run",
        || (Vec::new(), None),
        |state: &mut (Vec<i64>, Option<String>), n: i64, name: &str| {
            state.0.push(n);
            state.1 = state.1.take().max(Some(name.to_string()));
        },
        |state, other| {
            state.0.extend(other.0);
            state.1 = state.1.take().max(other.1);
        },
        |state| format!("{} {}", state.0.len(), state.1.as_deref().unwrap_or("none")),
    );
    ctx.register_aggregate(&longest).unwrap();
    let query =
        "SELECT value % 2, longest_run(value, concat('n', value)) FROM generate_series(1, 9) GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&ctx, query).await, ["0|4 n8", "1|5 n9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_in_an_aggregate() {
    let ctx = Context::builder().threads(1).build().unwrap();
    run(
        &ctx,
        "CREATE FUNCTION picky(value BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
class picky:
    def update(self, value):
        if value == 3: raise ValueError('no threes')
    def merge(self, other): pass
    def finish(self): return 'text'
$$",
    )
    .await;
    let update = error(&ctx, "SELECT picky(value) FROM generate_series(1, 5)").await;
    assert!(update.message().contains("row 3 of its partition: picky(3): ValueError: no threes"), "{update:?}");
    let finish = error(&ctx, "SELECT picky(value) FROM generate_series(1, 2)").await;
    assert!(
        finish.message().contains("'picky' failed in finish: gave 'text' (str) where bigint is declared"),
        "{finish:?}"
    );
    assert!(error(&ctx, "SELECT picky('a')").await.is_user());
}

/// Where failures become NULL, a group is NULL that failed anywhere on its way, in whatever partition; the others are
/// what they were, and nothing ends the query.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_fails_becomes_null() {
    let ctx = Context::builder().threads(2).build().unwrap();
    run(
        &ctx,
        "CREATE FUNCTION picky(value BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
class picky:
    def __init__(self):
        self.rows = 0
    def update(self, value):
        if value == 3: raise ValueError('no threes')
        if value == 4: self.unpicklable = lambda: 4
        self.rows += 1
    def merge(self, other):
        self.rows += other.rows
    def finish(self):
        if self.rows == 500: raise ValueError('no five hundreds')
        return self.rows
$$",
    )
    .await;
    let even = aggregate_function(
        "even_rows",
        || 0_i64,
        |rows: &mut i64, _: i64| *rows += 1,
        |rows, others| *rows += others,
        |rows| if rows % 2 == 0 { Ok(*rows) } else { Err("an odd number of rows") },
    );
    ctx.register_aggregate(&even).unwrap();
    run(&ctx, "CREATE TABLE n AS SELECT value AS v FROM generate_series(1, 1000)").await;
    run(&ctx, "SET on_function_error = 'null'").await;
    let by_four = "SELECT v % 4, picky(v), even_rows(v) FROM n GROUP BY 1 ORDER BY 1";
    assert_eq!(rows(&ctx, by_four).await, ["0|NULL|250", "1|250|250", "2|250|250", "3|NULL|250"]);
    let odd = "SELECT even_rows(v) FROM n WHERE v > 1";
    assert_eq!(rows(&ctx, odd).await, ["NULL"]);
    assert_eq!(rows(&ctx, "SELECT picky(v) FROM n WHERE v > 500").await, ["NULL"]);
    assert_eq!(rows(&ctx, "SELECT picky(v) FROM n WHERE v > 501").await, ["499"]);
    let mut running = ctx.sql(by_four).await.unwrap().run().await.unwrap();
    while let Some(batch) = running.next().await {
        batch.unwrap();
    }
    assert_eq!(running.figures().function_failures, 2);
    run(&ctx, "RESET on_function_error").await;
    assert!(error(&ctx, by_four).await.message().contains("no threes"));
}
