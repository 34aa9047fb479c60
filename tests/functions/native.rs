//! Functions in Python that run without it: their results, and how they go back to it.

use std::time::{Duration, Instant};

use futures::StreamExt;
use partita::prelude::*;

use crate::{context, error, rows, run};

/// Makes a function, and takes Python away: what runs from here on runs natively.
async fn alone(ctx: &Context, signature: &str, body: &str) {
    run(ctx, "RESET python_path").await;
    run(ctx, &format!("CREATE OR REPLACE FUNCTION {signature} LANGUAGE PYTHON AS $$\n{body}\n$$")).await;
    run(ctx, "SET python_path = '/nowhere/python3'").await;
}

/// Makes a function that Python is there for.
async fn beside(ctx: &Context, signature: &str, body: &str) {
    alone(ctx, signature, body).await;
    run(ctx, "RESET python_path").await;
}

const STEPS: &str = "def steps(n):
    steps = 0
    while n > 1 and steps < 20:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return n + steps";

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_runs_without_python() {
    let ctx = context();
    alone(&ctx, "steps(n BIGINT) RETURNS BIGINT", STEPS).await;
    let query = "SELECT sum(steps(value)), count(*) FROM generate_series(1, 50000)";
    let natively = rows(&ctx, query).await;
    assert_eq!(rows(&ctx, "SELECT steps(27), steps(NULL), steps(1)").await, ["294|NULL|1"]);
    assert!(rows(&ctx, "DESCRIBE FUNCTION steps").await[0].ends_with("|this process"));
    // A statement beside the function, and it is Python's.
    beside(&ctx, "steps(n BIGINT) RETURNS BIGINT", &format!("MOST = 20\n{STEPS}")).await;
    assert_eq!(rows(&ctx, query).await, natively);
    assert!(rows(&ctx, "DESCRIBE FUNCTION steps").await[0].ends_with("|Python"));
    run(&ctx, "SET python_path = '/nowhere/python3'").await;
    assert!(error(&ctx, query).await.message().contains("cannot start Python"));
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_nulls() {
    let ctx = context();
    for (signature, body, call, expected) in [
        ("f(a SMALLINT, b REAL) RETURNS DOUBLE", "return a / 4 + b", "f(3, 0.5)", "1.25"),
        ("f(a INT, b BOOLEAN) RETURNS INT", "return a + b if b else -a // 2", "f(7, false)", "-4"),
        ("f(a BIGINT, b BIGINT) RETURNS BOOLEAN", "return 0 <= a < b", "f(3, 4)", "true"),
        ("f(a BIGINT, b BIGINT) RETURNS BIGINT", "return None if a > b else a % b", "f(2, 1)", "NULL"),
        ("f(a BIGINT, b BIGINT) RETURNS TINYINT", "return a == b", "f(2, 2)", "1"),
        ("f(a DOUBLE, b DOUBLE) RETURNS REAL", "return max(abs(a), b) // 0.5", "f(-1.2, 1.0)", "2.0"),
        ("f(a BIGINT, b BIGINT) RETURNS DOUBLE", "a, b = b, a + b\n    return float(b) - a", "f(5, 3)", "5.0"),
        ("f(a BIGINT UNSIGNED, b BIGINT) RETURNS BIGINT UNSIGNED", "return a << b", "f(3, 4)", "48"),
    ] {
        alone(&ctx, signature, &format!("def f(a, b):\n    {body}")).await;
        assert_eq!(rows(&ctx, &format!("SELECT {call}")).await, [expected], "{signature}: {body}");
        run(&ctx, "DROP FUNCTION f").await;
    }
    beside(&ctx, "g(a BIGINT) RETURNS BIGINT CALLED ON NULL INPUT", "def g(a): return 1 if a == 0 else 2").await;
    assert_eq!(rows(&ctx, "SELECT g(v) FROM (VALUES (0), (NULL), (5)) AS t(v)").await, ["1", "2", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn larger_integers_are_pythons() {
    let ctx = context();
    beside(&ctx, "last(a BIGINT) RETURNS BIGINT", "def last(a): return a * a % 1000").await;
    assert_eq!(rows(&ctx, "SELECT last(1000000000007)").await, ["49"]);
    beside(&ctx, "square(a BIGINT) RETURNS BIGINT", "def square(a): return a * a").await;
    let large = error(&ctx, "SELECT square(v) FROM (VALUES (1), (10000000000)) AS t(v)").await;
    let message = "at row 2 of its partition: square(10000000000): gave 100000000000000000000 (int) where bigint is";
    assert!(large.message().contains(message), "{large:?}");
    beside(&ctx, "small(a BIGINT) RETURNS TINYINT", "def small(a): return a").await;
    let large = error(&ctx, "SELECT small(300)").await;
    assert!(large.message().contains("gave 300 (int) where tinyint is declared"), "{large:?}");
}

/// Most batches are Python's, and soon nothing else is tried; the results are the same.
#[tokio::test(flavor = "multi_thread")]
async fn batches_that_are_never_regular() {
    let ctx = context();
    let body = "def f(a): return (a << 50) % 1000003";
    let query = "SELECT sum(f(value)) FROM generate_series(1, 200000)";
    beside(&ctx, "f(a BIGINT) RETURNS BIGINT", body).await;
    let natively = rows(&ctx, query).await;
    beside(&ctx, "f(a BIGINT) RETURNS BIGINT", &format!("MOST = 0\n{body}")).await;
    assert_eq!(rows(&ctx, query).await, natively);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_pythons() {
    let ctx = Context::builder().threads(1).build().unwrap();
    beside(&ctx, "ratio(a BIGINT, b BIGINT) RETURNS BIGINT", "def ratio(a, b):\n    return a // b").await;
    let query = "SELECT ratio(1000, value - 3) FROM generate_series(1, 20000)";
    let text = error(&ctx, query).await.message().to_string();
    let message = "function 'ratio' failed at row 3 of its partition: ratio(1000, 0): ZeroDivisionError";
    assert!(text.contains(message) && text.contains("line 2, in ratio") && text.contains("return a // b"), "{text}");
    run(&ctx, "SET on_function_error = 'null'").await;
    let mut running = ctx.sql(query).await.unwrap().run().await.unwrap();
    let mut nulls = 0;
    while let Some(batch) = running.next().await {
        nulls += batch.unwrap().column(0).null_count();
    }
    assert_eq!((nulls, running.figures().function_failures), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_at_the_timeout_or_when_it_is_cancelled() {
    let ctx = context();
    alone(&ctx, "forever(a BIGINT) RETURNS BIGINT", "def forever(a):\n    while True:\n        a = -a").await;
    run(&ctx, "SET function_timeout = '300ms'").await;
    let started = Instant::now();
    let late = error(&ctx, "SELECT forever(1)").await;
    assert!(late.message().contains("function 'forever' took more than 0.3 s for a batch"), "{late:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
    run(&ctx, "RESET function_timeout").await;
    let query = "SELECT forever(value) FROM generate_series(1, 1)";
    let mut running = ctx.sql(query).await.unwrap().run().await.unwrap();
    let monitor = running.monitor();
    let reading = tokio::spawn(async move { running.next().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    monitor.cancel();
    assert!(reading.await.unwrap().unwrap().unwrap_err().is_cancelled());
    assert!(started.elapsed() < Duration::from_secs(3));
}
