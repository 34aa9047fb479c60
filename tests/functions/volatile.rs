//! A volatile function is called exactly once a row, whatever the plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use partita::prelude::*;

use crate::{rows, run};

/// A context with tables t(n: 1 to 100, k: n % 10) and u(m: 1 to 50), a volatile `tick(n)`, which gives n, and the
/// number of its calls.
async fn counted() -> (Context, Arc<AtomicU64>) {
    let ctx = Context::builder().threads(2).build().unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    let tick = row_function("tick", move |n: i64| {
        counter.fetch_add(1, Ordering::Relaxed);
        n
    });
    ctx.register_function(&tick.volatile()).unwrap();
    run(&ctx, "CREATE TABLE t AS SELECT value AS n, value % 10 AS k FROM generate_series(1, 100)").await;
    run(&ctx, "CREATE TABLE u AS SELECT value AS m FROM generate_series(1, 50)").await;
    (ctx, calls)
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_once_a_row() {
    let (ctx, calls) = counted().await;
    let mut wrong = Vec::new();
    for (query, expected) in [
        ("SELECT tick(n) FROM t", 100),
        ("SELECT tick(1) FROM t", 100),
        ("SELECT tick(n), tick(n) FROM t", 200),
        ("SELECT d FROM (SELECT tick(n) AS d FROM t) WHERE d > 50 AND d < 90", 100),
        ("SELECT d, d + 1, d * 2 FROM (SELECT tick(n) AS d FROM t)", 100),
        ("SELECT n FROM t WHERE tick(n) > 50", 100),
        ("SELECT n FROM t ORDER BY tick(n)", 100),
        ("SELECT n FROM t ORDER BY tick(n) LIMIT 3", 100),
        ("SELECT tick(n) AS d FROM t ORDER BY d DESC", 100),
        ("SELECT count(*) FROM t GROUP BY tick(n)", 100),
        ("SELECT tick(n) AS d, count(*), sum(tick(n)) FROM t GROUP BY d", 200),
        ("SELECT sum(tick(n)), avg(n) FROM t", 100),
        ("SELECT k, sum(tick(n)) FROM t GROUP BY k", 100),
        ("SELECT count(DISTINCT tick(n)), count(DISTINCT k) FROM t", 100),
        ("SELECT k, count(DISTINCT tick(n)), count(DISTINCT n), sum(n) FROM t GROUP BY k", 100),
        ("SELECT median(tick(n)) FROM t", 100),
        ("SELECT sum(d) OVER (PARTITION BY k ORDER BY n) FROM (SELECT tick(n) AS d, k, n FROM t)", 100),
        ("SELECT sum(tick(n)) OVER (PARTITION BY k) FROM t", 100),
        ("SELECT sum(n) OVER (PARTITION BY tick(k) ORDER BY n) FROM t", 100),
        ("SELECT rank() OVER (PARTITION BY k ORDER BY tick(n) DESC) AS r, n FROM t ORDER BY r", 100),
        ("SELECT * FROM t JOIN u ON tick(n) = m", 100),
        ("SELECT * FROM (SELECT tick(n) AS d FROM t) JOIN u ON d = m", 100),
        ("SELECT * FROM (SELECT tick(n) AS d FROM t) LEFT JOIN u ON d = m WHERE d > 10", 100),
        ("SELECT * FROM u LEFT JOIN (SELECT tick(n) AS d FROM t) ON d = m", 100),
        ("SELECT * FROM u FULL JOIN (SELECT tick(n) AS d FROM t) ON d = m", 100),
        ("SELECT * FROM u WHERE m IN (SELECT tick(n) FROM t)", 100),
        ("SELECT * FROM u WHERE m NOT IN (SELECT tick(n) FROM t)", 100),
        ("SELECT * FROM (SELECT tick(n) AS d FROM t) JOIN u ON d < m", 100),
        ("SELECT * FROM (SELECT tick(m) AS d FROM u) CROSS JOIN (SELECT n FROM t LIMIT 3)", 50),
        ("SELECT tick(n) FROM t UNION ALL SELECT tick(m) FROM u", 150),
        ("SELECT tick(n) FROM t UNION SELECT tick(m) FROM u", 150),
        ("SELECT tick(n) FROM t EXCEPT SELECT m FROM u", 100),
        ("SELECT DISTINCT tick(n) % 3 FROM t", 100),
        ("WITH d AS (SELECT tick(n) AS d FROM t) SELECT max(d) FROM d", 100),
        ("SELECT CASE WHEN n <= 40 THEN tick(n) ELSE 0 END FROM t", 40),
        ("CREATE OR REPLACE TABLE w AS SELECT tick(n) AS d FROM t", 100),
    ] {
        calls.store(0, Ordering::Relaxed);
        rows(&ctx, query).await;
        let counted = calls.load(Ordering::Relaxed);
        if counted != expected {
            wrong.push(format!("{counted} and not {expected}: {query}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every pair of calls of a function that draws numbers was one number.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_arguments_is_called_for_every_row() {
    let (ctx, _) = counted().await;
    run(&ctx, "CREATE FUNCTION draw() RETURNS DOUBLE LANGUAGE PYTHON AS $$\nimport random\ndef draw():\n    return random.random()\n$$").await;
    assert_eq!(rows(&ctx, "SELECT count(DISTINCT draw()) FROM t").await, ["100"]);
    assert_eq!(rows(&ctx, "SELECT draw() = draw()").await, ["false"]);
}

/// One that is not volatile is called for a constant once.
#[tokio::test]
async fn a_constant_is_computed_once() {
    let ctx = Context::builder().threads(1).build().unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    let pure = row_function("pure", move |n: i64| {
        counter.fetch_add(1, Ordering::Relaxed);
        n
    });
    ctx.register_function(&pure).unwrap();
    rows(&ctx, "SELECT pure(7) + value FROM generate_series(1, 1000)").await;
    assert!(calls.load(Ordering::Relaxed) < 5, "{calls:?}");
}
