//! What goes wrong: where it is found and what is said.

use std::time::{Duration, Instant};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use futures::StreamExt;
use partita::prelude::*;

use crate::{context, error, rows, run, try_rows};

async fn python(ctx: &Context, name: &str, arguments: &str, returns: &str, body: &str) {
    run(
        ctx,
        &format!("CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {returns} LANGUAGE PYTHON AS $$\n{body}\n$$"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_error_names_function_arguments_row_and_line() {
    let ctx = Context::builder().threads(1).build().unwrap();
    python(
        &ctx,
        "ratio",
        "a BIGINT, b VARCHAR",
        "DOUBLE",
        "def helper(a):\n    return 1 / (a - 10000)\n\ndef ratio(a, b):\n    return helper(a)",
    )
    .await;
    let error = error(&ctx, "SELECT ratio(value, 'x') FROM generate_series(1, 20000)").await;
    let text = error.message();
    assert!(error.is_data(), "{error:?}");
    assert!(
        text.contains("function 'ratio' failed at row 10000 of its partition: ratio(10000, 'x'): ZeroDivisionError"),
        "{text}"
    );
    assert!(text.contains("line 2, in helper") && text.contains("return 1 / (a - 10000)"), "{text}");
    assert!(!text.contains("worker"), "the worker's own frames are nobody's business: {text}");
    assert_eq!(rows(&ctx, "SELECT ratio(10001, 'x')").await, ["1.0"], "the next query works");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_told_where_there_is_one() {
    let ctx = Context::builder().threads(1).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("counts.csv");
    std::fs::write(&file, "n,k\n1,a\n0,b\n").unwrap();
    let file = file.to_str().unwrap();
    python(&ctx, "inverse", "a BIGINT", "DOUBLE", "def inverse(a):\n    return 1 / a").await;
    for query in [
        format!("SELECT inverse(n) FROM '{file}'"),
        format!("SELECT k FROM '{file}' WHERE inverse(n) > 0"),
        format!("SELECT sum(inverse(n)) FROM '{file}' GROUP BY k"),
    ] {
        let error = error(&ctx, &query).await;
        let place = format!("at row 2 of its partition of '{file}': inverse(0): ZeroDivisionError");
        assert!(error.message().contains(&place), "{query}: {error:?}");
    }
    let joined = format!("SELECT inverse(a.n * b.n) FROM '{file}' AS a, generate_series(0, 1) AS b(n)");
    assert!(!error(&ctx, &joined).await.message().contains(file));
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_columns_that_fail_become_null_row_by_row() {
    let ctx = Context::builder().threads(1).build().unwrap();
    let odd = column_function("odd", [DataType::Int64], DataType::Int64, |columns, _| {
        let numbers = columns[0].as_primitive::<Int64Type>();
        match numbers.iter().flatten().find(|n| n % 1000 == 0) {
            Some(n) => Err(partita::Error::data(format!("{n} is not odd"))),
            None => Ok(columns[0].clone()),
        }
    });
    ctx.register_function(&odd).unwrap();
    let query = "SELECT count(*), count(odd(value)) FROM generate_series(1, 20000)";
    let error = error(&ctx, query).await;
    assert!(
        error.message().contains("function 'odd' failed at rows 1 to 8192 of its partition: 1000 is not odd"),
        "{error:?}"
    );
    run(&ctx, "SET on_function_error = 'null'").await;
    let mut running = ctx.sql(query).await.unwrap().run().await.unwrap();
    let batch = running.next().await.unwrap().unwrap();
    assert_eq!(batch.column(1).as_primitive::<Int64Type>().value(0), 19_980);
    assert_eq!(running.figures().function_failures, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_one_function() {
    let ctx = context();
    let create = "CREATE FUNCTION forever(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON
        SET function_timeout = '300ms' SET function_memory TO '64MB' AS $$\ndef forever(a):\n    while a: pass\n$$";
    run(&ctx, create).await;
    let limits = ctx.functions()[0].limits;
    assert_eq!((limits.timeout_ms, limits.memory), (Some(300), Some(64_000_000)));
    let described = rows(&ctx, "DESCRIBE FUNCTION forever").await;
    assert!(described[0].contains("|function_timeout = '300ms', function_memory = '64000000'|"), "{described:?}");
    let late = error(&ctx, "SELECT forever(1)").await;
    assert!(late.message().contains("took more than 0.3 s for a batch"), "{late:?}");
    for (wrong, message) in [
        ("LANGUAGE PYTHON SET work_mem = '1GB'", "a function has no option 'work_mem' of its own"),
        ("LANGUAGE PYTHON SET function_timeout = 'soon'", "'soon' is no time"),
        ("LANGUAGE SQL SET function_timeout = '1s'", "function 'f' has no worker to limit"),
    ] {
        let error = error(&ctx, &format!("CREATE FUNCTION f(a BIGINT) RETURNS BIGINT {wrong} AS $$a$$")).await;
        assert!(error.is_user() && error.message().contains(message), "{error:?}");
    }
}

/// Rows that NULL keeps from the function were not counted, and the wrong arguments were told.
#[tokio::test(flavor = "multi_thread")]
async fn the_row_is_counted_with_those_that_null_skips() {
    let ctx = Context::builder().threads(1).build().unwrap();
    python(&ctx, "inverse", "a BIGINT", "DOUBLE", "def inverse(a):\n    return 1 / a").await;
    let error = error(&ctx, "SELECT inverse(v) FROM (VALUES (NULL), (1), (NULL), (0)) AS t(v)").await;
    assert!(error.message().contains("row 4 of its partition: inverse(0)"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_become_null_and_are_counted() {
    let ctx = context();
    python(&ctx, "inverse", "a BIGINT", "DOUBLE", "def inverse(a):\n    return 1 / a if a != 3 else 'three'").await;
    ctx.register_function(&row_function("odd", |a: i64| if a % 2 == 1 { Ok(a) } else { Err("even") })).unwrap();
    run(&ctx, "SET on_function_error = 'null'").await;
    let mut running =
        ctx.sql("SELECT inverse(v), odd(v) FROM (VALUES (0), (1), (3)) AS t(v)").await.unwrap().run().await.unwrap();
    while let Some(batch) = running.next().await {
        assert_eq!(batch.unwrap().column(0).null_count(), 2);
    }
    assert_eq!(running.figures().function_failures, 3);
    run(&ctx, "RESET on_function_error").await;
    assert!(try_rows(&ctx, "SELECT inverse(0)").await.is_err());
    assert!(error(&ctx, "SET on_function_error = 'maybe'").await.is_user());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_at_create_function() {
    let ctx = context();
    for (body, message) in [
        ("def f(a)\n    return a", "SyntaxError"),
        ("import no_such_module\ndef f(a): return a", "No module named 'no_such_module'"),
        ("def f(a, b): return a", "declared with 1 argument"),
        ("def g(a): return a", "defines no function 'f'"),
        ("raise ValueError('at the top')\ndef f(a): return a", "at the top"),
        ("class f:\n    def update(self, a): pass", "has no method 'merge'"),
        ("import sys; sys.exit(3)\ndef f(a): return a", "SystemExit"),
    ] {
        let statement = format!("CREATE FUNCTION f(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$\n{body}\n$$");
        let error = error(&ctx, &statement).await;
        assert!(error.is_user() && error.message().contains(message), "{body}\n{error:?}");
    }
    let interval =
        error(&ctx, "CREATE FUNCTION f(a INTERVAL) RETURNS BIGINT LANGUAGE PYTHON AS $$ def f(a): return 1 $$").await;
    assert!(interval.message().contains("take and give no interval"), "{interval:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_type_is_found_with_its_row() {
    let ctx = context();
    for (returns, value, message) in [
        ("BIGINT", "'text'", "gave 'text' (str) where bigint is declared"),
        ("BIGINT", "1.5", "gave 1.5 (float) where bigint is declared"),
        ("TINYINT", "300", "gave 300 (int) where tinyint is declared"),
        ("VARCHAR", "5", "gave 5 (int) where varchar is declared"),
        ("BOOLEAN", "1", "gave 1 (int) where boolean is declared"),
        ("DATE", "'2013-01-01'", "where date is declared"),
        ("DOUBLE", "[1]", "gave [1] (list) where double is declared"),
        ("BIGINT[]", "[1, 'x']", "gave 'x' (str) where bigint is declared"),
        ("DECIMAL(4,2)", "float('nan')", "gave nan (float) where decimal(4,2) is declared"),
    ] {
        python(&ctx, "f", "a BIGINT", returns, &format!("def f(a):\n    return {value} if a == 2 else None")).await;
        let error = error(&ctx, "SELECT f(v) FROM (VALUES (1), (2)) AS t(v)").await;
        assert!(
            error.message().contains(message) && error.message().contains("at row 2 of its partition: f(2)"),
            "{returns}\n{error:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_at_the_timeout() {
    let ctx = context();
    python(&ctx, "forever", "a BIGINT", "BIGINT", "import os\ndef forever(a):\n    while a: pass").await;
    run(&ctx, "SET function_timeout = '300ms'").await;
    let started = Instant::now();
    let error = error(&ctx, "SELECT forever(1)").await;
    assert!(error.message().contains("took more than 0.3 s for a batch"), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    // A new worker starts, which takes its time on a busy machine.
    run(&ctx, "SET function_timeout = '1m'").await;
    assert_eq!(rows(&ctx, "SELECT forever(0)").await, ["NULL"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_beyond_the_limit_is_a_clear_error() {
    let ctx = context();
    python(&ctx, "hoard", "a BIGINT", "BIGINT", "def hoard(a):\n    return len(bytearray(a * 1000000)) // 1000000")
        .await;
    run(&ctx, "SET function_memory = '64MB'").await;
    let error = error(&ctx, "SELECT hoard(500)").await;
    assert!(
        error.is_memory() && error.message().contains("'hoard' needs more memory than function_memory"),
        "{error:?}"
    );
    assert_eq!(rows(&ctx, "SELECT hoard(5)").await, ["5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_worker_fails_its_query_alone() {
    let ctx = context();
    python(
        &ctx,
        "crash",
        "a BIGINT",
        "BIGINT",
        "import os, signal\ndef crash(a):\n    if a: os.kill(os.getpid(), signal.SIGSEGV)\n    return a",
    )
    .await;
    let crashed = error(&ctx, "SELECT crash(1)").await;
    assert!(crashed.message().contains("worker of 'crash' crashed: signal 11"), "{crashed:?}");
    assert_eq!(rows(&ctx, "SELECT crash(0)").await, ["0"]);
    python(&ctx, "leave", "a BIGINT", "BIGINT", "import os\ndef leave(a):\n    os._exit(7)").await;
    let left = error(&ctx, "SELECT leave(1)").await;
    assert!(left.message().contains("exit code 7"), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interpreter_that_is_not_there() {
    let ctx = context();
    run(&ctx, "SET python_path = '/nowhere/python3'").await;
    let error =
        error(&ctx, "CREATE FUNCTION f(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$ def f(a): return a $$").await;
    assert!(error.message().contains("cannot start Python '/nowhere/python3'"), "{error:?}");
}

#[tokio::test]
async fn a_closure_that_fails_or_panics() {
    let ctx = Context::builder().threads(1).build().unwrap();
    ctx.register_function(&row_function("f", |a: i64, b: &str| match a {
        3 => Err(format!("{b} cannot be three")),
        4 => panic!("four"),
        a => Ok(a),
    }))
    .unwrap();
    let failed = error(&ctx, "SELECT f(value, 'it') FROM generate_series(1, 3)").await;
    assert!(failed.is_data(), "{failed:?}");
    assert!(
        failed.message().contains("'f' failed at row 3 of its partition: f(3, 'it'): it cannot be three"),
        "{failed:?}"
    );
    let panicked = error(&ctx, "SELECT f(value, 'it') FROM generate_series(4, 4)").await;
    assert!(panicked.message().contains("function 'f' panicked: four"), "{panicked:?}");
}

/// A worker in an endless loop went on when its query was dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_query_ends_its_workers() {
    let ctx = context();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    python(
        &ctx,
        "stuck",
        "a BIGINT",
        "BIGINT",
        &format!("import os\ndef stuck(a):\n    open({:?}, 'w').write(str(os.getpid()))\n    while True: pass", file),
    )
    .await;
    let mut running = ctx.sql("SELECT stuck(value) FROM generate_series(1, 1)").await.unwrap().run().await.unwrap();
    let monitor = running.monitor();
    let reading = tokio::spawn(async move { running.next().await });
    let pid = loop {
        match std::fs::read_to_string(&file) {
            Ok(pid) if !pid.is_empty() => break pid,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    let started = Instant::now();
    monitor.cancel();
    let ended = reading.await.unwrap();
    assert!(ended.unwrap().unwrap_err().is_cancelled());
    while std::path::Path::new(&format!("/proc/{pid}")).exists() {
        assert!(started.elapsed() < Duration::from_secs(1), "the worker lives");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
