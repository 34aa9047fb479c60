//! Functions in Python: every type, NULLs, rows and whole columns.

use partita::prelude::*;

use crate::{context, error, has, rows, run};

/// What a function of one argument, which gives it back, makes of `value` and of NULL.
async fn identity(ctx: &Context, value: &str, data_type: &str) {
    run(ctx, &format!("CREATE OR REPLACE FUNCTION same(v {data_type}) RETURNS {data_type} CALLED ON NULL INPUT LANGUAGE PYTHON AS $$\ndef same(v):\n    return v\n$$")).await;
    let from = format!("FROM (VALUES (CAST({value} AS {data_type})), (NULL)) AS t(v)");
    let plain = rows(ctx, &format!("SELECT v {from}")).await;
    assert_eq!(rows(ctx, &format!("SELECT same(v) {from}")).await, plain, "{data_type}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_comes_and_goes() {
    let ctx = context();
    for (value, data_type) in [
        ("-128", "TINYINT"),
        ("-32768", "SMALLINT"),
        ("2147483647", "INT"),
        ("-9223372036854775808", "BIGINT"),
        ("255", "TINYINT UNSIGNED"),
        ("65535", "SMALLINT UNSIGNED"),
        ("4294967295", "INT UNSIGNED"),
        ("'18446744073709551615'", "BIGINT UNSIGNED"),
        ("0.1", "REAL"),
        ("0.1", "DOUBLE"),
        ("'nan'", "DOUBLE"),
        ("true", "BOOLEAN"),
        ("'é\u{1f600}'", "VARCHAR"),
        ("''", "VARCHAR"),
        ("concat('a', chr(0), 'é')", "VARCHAR"),
        ("'ab'", "BYTEA"),
        ("'0001-01-01'", "DATE"),
        ("'9999-12-31'", "DATE"),
        ("'23:59:59.5'", "TIME"),
        ("'1969-12-31T23:59:59.999999'", "TIMESTAMP"),
        ("'2013-07-01T12:00:00+02:00'", "TIMESTAMPTZ"),
        ("-10.05", "DECIMAL(10,2)"),
        ("12345678901234567890.123456789", "DECIMAL(38,9)"),
        ("[1, NULL, 3]", "BIGINT[]"),
        ("[]", "BIGINT[]"),
        ("['a', 'bc']", "VARCHAR[]"),
        ("[[1], [2, 3]]", "INT[][]"),
    ] {
        identity(&ctx, value, data_type).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn structs_are_dictionaries() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION grow(p STRUCT<x BIGINT, name VARCHAR>) RETURNS STRUCT<x BIGINT, name VARCHAR> LANGUAGE PYTHON AS $$
def grow(p):
    return {'x': p['x'] + 1, 'name': p['name'] * 2}
$$").await;
    assert_eq!(rows(&ctx, "SELECT grow({'x': 1, 'name': 'ab'})").await, ["{x: 2, name: abab}"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_skips_the_call_unless_it_is_asked_for() {
    let ctx = context();
    for (name, words) in [("f", ""), ("g", "STRICT"), ("h", "CALLED ON NULL INPUT")] {
        run(
            &ctx,
            &format!(
                "CREATE FUNCTION {name}(a BIGINT, b VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON {words} AS $$
def {name}(a, b):
    return None if b == 'none' else f'{{a}}{{b}}'
$$"
            ),
        )
        .await;
    }
    let query =
        "SELECT f(a, b), g(a, b), h(a, b) FROM (VALUES (1, 'x'), (NULL, 'y'), (3, NULL), (4, 'none')) AS t(a, b)";
    assert_eq!(rows(&ctx, query).await, ["1x|1x|1x", "NULL|NULL|Noney", "NULL|NULL|3None", "NULL|NULL|NULL"]);
    assert_eq!(rows(&ctx, "SELECT f(NULL, NULL)").await, ["NULL"]);
    assert_eq!(rows(&ctx, "SELECT f(1, 'x') FROM generate_series(1, 0)").await, Vec::<String>::new());
}

/// What a body sets up at its top is set up once for the life of its worker.
#[tokio::test(flavor = "multi_thread")]
async fn state_stays_for_the_life_of_the_worker() {
    let ctx = Context::builder().threads(1).build().unwrap();
    run(
        &ctx,
        "CREATE FUNCTION visit(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
import re, collections
count = 0
def visit(a):
    global count
    count += 1
    return count
$$",
    )
    .await;
    assert_eq!(rows(&ctx, "SELECT max(visit(value)) FROM generate_series(1, 20000)").await, ["20000"]);
    run(&ctx, "CREATE FUNCTION other(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$\ndef other(a): return a\n$$").await;
    run(&ctx, "DROP FUNCTION other").await;
    assert_eq!(rows(&ctx, "SELECT visit(value) FROM generate_series(1, 1)").await, ["20001"]);
}

/// CREATE FUNCTION ran the body, and the first query ran it again: a model was loaded twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_runs_once_in_a_worker() {
    let ctx = Context::builder().threads(1).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let body = format!("open({log:?}, 'a').write('x')\ndef f(a): return a");
    run(&ctx, &format!("CREATE FUNCTION f(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$\n{body}\n$$")).await;
    assert_eq!(rows(&ctx, "SELECT sum(f(value)) FROM generate_series(1, 10000)").await, ["50005000"]);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_batches_and_partitions() {
    let ctx = context();
    run(
        &ctx,
        "CREATE FUNCTION half(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON AS $$
import os
def half(a):
    return a // 2
$$",
    )
    .await;
    let query = "SELECT count(*), sum(half(value)) FROM generate_series(1, 100000)";
    assert_eq!(rows(&ctx, query).await, ["100000|2500000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn defaults_overloads_and_other_functions() {
    let ctx = context();
    run(
        &ctx,
        "CREATE FUNCTION add(a BIGINT, b BIGINT DEFAULT 10) RETURNS BIGINT LANGUAGE PYTHON AS $$
def add(a, b): return a + b
$$",
    )
    .await;
    run(
        &ctx,
        "CREATE FUNCTION add(a VARCHAR, b VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON AS $$
    def add(a, b):
        return a + '+' + b
$$",
    )
    .await;
    run(&ctx, "CREATE FUNCTION add_twice(a BIGINT) RETURNS BIGINT RETURN add(add(a), b => 1)").await;
    assert_eq!(rows(&ctx, "SELECT add(1), add(b => 2, a => 1), add('x', 'y'), add_twice(5)").await, ["11|3|x+y|16"]);
    let described = rows(&ctx, "DESCRIBE FUNCTION add").await;
    assert!(
        described[0].contains("|PYTHON|IMMUTABLE|STRICT|") && described[0].contains("def add(a, b)"),
        "{described:?}"
    );
    let frame =
        ctx.sql("SELECT 1 AS n").await.unwrap().apply("m", &ctx.function("add").unwrap(), [col("n"), lit(4_i64)]);
    assert_eq!(frame.unwrap().compute().await.unwrap()[0].num_columns(), 2);
}

/// What is set up above the function is there once for each worker: a fitted model, as people have it.
#[tokio::test(flavor = "multi_thread")]
async fn installed_packages_are_imported() {
    let ctx = context();
    let create = |name: &str, body: &str| {
        format!("CREATE FUNCTION {name}(a DOUBLE) RETURNS DOUBLE LANGUAGE PYTHON_COLUMNS AS $$\n{body}\n$$")
    };
    if has("pandas") {
        let body = "import numpy\nimport pandas\ndef rolled(a: numpy.ndarray):
    return pandas.Series(a).clip(upper=2.5).to_numpy()";
        run(&ctx, &create("rolled", body)).await;
        assert_eq!(rows(&ctx, "SELECT sum(rolled(value)) FROM generate_series(1, 4)").await, ["8.0"]);
    }
    if has("sklearn") {
        let body = "import numpy\nfrom sklearn.linear_model import LinearRegression
MODEL = LinearRegression().fit([[0], [1], [2]], [1, 3, 5])\ndef predict(a: numpy.ndarray):
    return MODEL.predict(a.reshape(-1, 1))";
        run(&ctx, &create("predict", body)).await;
        assert_eq!(rows(&ctx, "SELECT round(sum(predict(value)), 6) FROM generate_series(1, 4)").await, ["24.0"]);
    }
    let missing = error(&ctx, &create("none", "import no_such_package\ndef none(a): return a")).await;
    assert!(missing.message().contains("no_such_package"), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_columns_as_arrow_arrays() {
    if !has("pyarrow") {
        return;
    }
    let ctx = context();
    run(
        &ctx,
        "CREATE FUNCTION plus(a BIGINT, b DOUBLE) RETURNS DOUBLE LANGUAGE PYTHON_COLUMNS CALLED ON NULL INPUT AS $$
import pyarrow.compute as pc
def plus(a, b):
    return pc.add(pc.cast(a, 'double'), b)
$$",
    )
    .await;
    run(
        &ctx,
        "CREATE FUNCTION shout(a VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON_COLUMNS AS $$
import pyarrow.compute as pc
def shout(a):
    return pc.utf8_upper(a)
$$",
    )
    .await;
    let query = "SELECT plus(a, b), shout(c) FROM (VALUES (1, 0.5, 'é'), (NULL, 1, NULL)) AS t(a, b, c)";
    assert_eq!(rows(&ctx, query).await, ["1.5|É", "NULL|NULL"]);
    let query = "SELECT sum(plus(value, 1)) FROM generate_series(1, 50000)";
    assert_eq!(rows(&ctx, query).await, ["1250075000.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_columns_as_numpy_arrays() {
    if !has("numpy") {
        return;
    }
    let ctx = context();
    run(
        &ctx,
        "CREATE FUNCTION hyp(a DOUBLE, b DOUBLE) RETURNS DOUBLE LANGUAGE PYTHON_COLUMNS AS $$
import numpy as np
def hyp(a: np.ndarray, b: np.ndarray):
    return np.hypot(a, b)
$$",
    )
    .await;
    run(
        &ctx,
        "CREATE FUNCTION filled(a BIGINT) RETURNS BIGINT CALLED ON NULL INPUT LANGUAGE PYTHON_COLUMNS AS $$
import numpy
def filled(a: numpy.ndarray):
    return numpy.ma.filled(a, -1)
$$",
    )
    .await;
    run(
        &ctx,
        "CREATE FUNCTION lengths(a VARCHAR) RETURNS BIGINT LANGUAGE PYTHON_COLUMNS AS $$
import numpy as np
def lengths(a: 'np.ndarray'):
    return np.array([len(text) for text in a])
$$",
    )
    .await;
    let query = "SELECT hyp(a, 4), filled(b), lengths(c) FROM (VALUES (3, 1, 'abc'), (NULL, NULL, '')) AS t(a, b, c)";
    assert_eq!(rows(&ctx, query).await, ["5.0|1|3", "NULL|-1|0"]);
    let wrong = error(&ctx, "SELECT filled(1.5)").await;
    assert!(wrong.message().contains("bigint is wanted"), "{wrong:?}");
}

/// Without a package at all: `-S` leaves out where packages are installed.
#[tokio::test(flavor = "multi_thread")]
async fn the_standard_library_suffices() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let bare = folder.path().join("bare-python");
    std::fs::write(&bare, "#!/bin/sh\nexec python3 -S \"$@\"\n").unwrap();
    std::fs::set_permissions(&bare, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ctx = context();
    run(&ctx, &format!("SET python_path = '{}'", bare.display())).await;
    run(
        &ctx,
        "CREATE FUNCTION f(a BIGINT, b VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON AS $$
import sys
def f(a, b):
    return b * a if 'pyarrow' not in sys.modules and 'numpy' not in sys.modules else 'loaded'
$$",
    )
    .await;
    assert_eq!(rows(&ctx, "SELECT f(2, 'ab')").await, ["abab"]);
    let none = error(
        &ctx,
        "CREATE FUNCTION g(a BIGINT) RETURNS BIGINT LANGUAGE PYTHON_COLUMNS AS $$
def g(a): return a
$$",
    )
    .await;
    assert!(none.message().contains("PYTHON_COLUMNS needs pyarrow"), "{none:?}");
}
