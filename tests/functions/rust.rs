//! Closures of every type.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use partita::prelude::*;
use partita::{Decimal, Fields, RowFunction};
use std::sync::Arc;

use crate::{context, error, rows};

/// What a function of one argument, there as `value` of `data_type`, gives, and what it gives for NULL.
async fn identity(function: RowFunction, value: &str, data_type: &str, shown: &str) {
    let ctx = context();
    ctx.register_function(&function).unwrap();
    let query = format!("SELECT f(v) FROM (VALUES (CAST({value} AS {data_type})), (NULL)) AS t(v)");
    assert_eq!(rows(&ctx, &query).await, [shown, "NULL"], "{data_type}");
}

#[tokio::test]
async fn every_type_comes_and_goes() {
    identity(row_function("f", |v: i8| v), "-128", "TINYINT", "-128").await;
    identity(row_function("f", |v: i16| v), "-32768", "SMALLINT", "-32768").await;
    identity(row_function("f", |v: i32| v), "7", "INT", "7").await;
    identity(row_function("f", |v: i64| v), "-9223372036854775808", "BIGINT", "-9223372036854775808").await;
    identity(row_function("f", |v: u8| v), "255", "TINYINT UNSIGNED", "255").await;
    identity(row_function("f", |v: u16| v), "65535", "SMALLINT UNSIGNED", "65535").await;
    identity(row_function("f", |v: u32| v), "7", "INT UNSIGNED", "7").await;
    identity(row_function("f", |v: u64| v), "'18446744073709551615'", "BIGINT UNSIGNED", "18446744073709551615").await;
    identity(row_function("f", |v: f32| v), "0.5", "REAL", "0.5").await;
    identity(row_function("f", |v: f64| v), "0.1", "DOUBLE", "0.1").await;
    identity(row_function("f", |v: bool| !v), "true", "BOOLEAN", "false").await;
    identity(row_function("f", |v: &str| v.to_uppercase()), "'é'", "VARCHAR", "É").await;
    identity(row_function("f", |v: String| v), "''", "VARCHAR", "").await;
    identity(row_function("f", |v: &[u8]| v.to_vec()), "'ab'", "BYTEA", "6162").await;
    identity(row_function("f", |v: Vec<u8>| v), "'ab'", "BYTEA", "6162").await;
    identity(row_function("f", |v: NaiveDate| v), "'1969-12-31'", "DATE", "1969-12-31").await;
    identity(row_function("f", |v: NaiveTime| v), "'23:59:59.5'", "TIME", "23:59:59.500").await;
    let micros = "'1969-12-31T23:59:59.999999'";
    identity(row_function("f", |v: NaiveDateTime| v), micros, "TIMESTAMP", "1969-12-31T23:59:59.999999").await;
    let zoned = row_function("f", |v: DateTime<Utc>| v.timestamp());
    identity(zoned, "'1970-01-01T01:00:00+01:00'", "TIMESTAMPTZ", "0").await;
    identity(row_function("f", |v: Decimal<10, 2>| v), "-10.05", "DECIMAL(10,2)", "-10.05").await;
    identity(row_function("f", |v: Vec<i64>| v), "[1, 2]", "BIGINT[]", "[1, 2]").await;
    identity(row_function("f", |v: &[f64]| v.iter().sum::<f64>()), "[1.5, 2]", "DOUBLE[]", "3.5").await;
    let nullable = row_function("f", |v: Vec<Option<i64>>| v.into_iter().map(|v| v.map(|v| v + 1)).collect::<Vec<_>>());
    identity(nullable, "[1, NULL]", "BIGINT[]", "[2, NULL]").await;
    identity(row_function("f", |v: Vec<String>| v.join("-")), "['a', 'b']", "VARCHAR[]", "a-b").await;
    identity(row_function("f", |v: Vec<Vec<i32>>| v), "[[1], [2, 3]]", "INT[][]", "[[1], [2, 3]]").await;
}

#[tokio::test]
async fn a_span_of_time_comes_and_goes() {
    let ctx = context();
    ctx.register_function(&row_function("twice", |v: TimeDelta| v * 2)).unwrap();
    let query = "SELECT twice(arrow_cast(1500000, 'Duration(Microsecond)'))";
    assert_eq!(rows(&ctx, query).await, ["PT3S"]);
}

#[tokio::test]
async fn null_skips_the_call_unless_the_argument_is_an_option() {
    let ctx = context();
    ctx.register_function(&row_function("f", |a: i64, b: Option<&str>| -> Result<Option<i64>> {
        Ok((a > 0).then(|| a + b.map_or(100, |b| b.len() as i64)))
    }))
    .unwrap();
    let query = "SELECT f(a, b) FROM (VALUES (1, 'xy'), (1, NULL), (NULL, 'x'), (-1, 'x')) AS t(a, b)";
    assert_eq!(rows(&ctx, query).await, ["3", "101", "NULL", "NULL"]);
}

#[tokio::test]
async fn eight_arguments_and_none() {
    let ctx = context();
    let sum = |a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64| a + b + c + d + e + f + g + h;
    ctx.register_function(&row_function("sum8", sum)).unwrap();
    ctx.register_function(&row_function("answer", || 42)).unwrap();
    assert_eq!(rows(&ctx, "SELECT sum8(1,2,3,4,5,6,7,8), answer()").await, ["36|42"]);
}

#[tokio::test]
async fn structs_are_what_serde_makes_of_them() {
    #[derive(serde::Deserialize, serde::Serialize)]
    struct Point {
        x: i64,
        y: Option<f64>,
        tags: Vec<String>,
    }
    let ctx = context();
    let fields = vec![
        Field::new("x", DataType::Int64, true),
        Field::new("y", DataType::Float64, true),
        Field::new("tags", DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))), true),
    ];
    let moved = row_function("moved", |Fields(mut point): Fields<Point>| {
        point.x += 1;
        point.tags.push("moved".into());
        Fields(point)
    })
    .returning(DataType::Struct(fields.into()));
    ctx.register_function(&moved).unwrap();
    let query = "SELECT moved({'x': 1, 'y': NULL, 'tags': ['a']})";
    assert_eq!(rows(&ctx, query).await, ["{x: 2, y: NULL, tags: [a, moved]}"]);
    let missing = error(&ctx, "SELECT moved({'y': 1.0})").await;
    assert!(missing.message().contains("missing field `x`"), "{missing:?}");
}

#[tokio::test]
async fn captured_values_stay_with_the_function() {
    let ctx = context();
    let names: std::collections::HashMap<i64, &'static str> = [(1, "one"), (2, "two")].into();
    ctx.register_function(&row_function("name_of", move |n: i64| names.get(&n).copied())).unwrap();
    assert_eq!(rows(&ctx, "SELECT name_of(2), name_of(3)").await, ["two|NULL"]);
}

#[tokio::test]
async fn whole_columns() {
    let ctx = context();
    let total = column_function("running", [DataType::Int64], DataType::Int64, |columns: &[ArrayRef], _| {
        let mut sum = 0;
        let values = columns[0].as_primitive::<Int64Type>().iter().flatten();
        Ok(Arc::new(
            values
                .map(|value| {
                    sum += value;
                    sum
                })
                .collect::<Int64Array>(),
        ))
    });
    ctx.register_function(&total).unwrap();
    assert_eq!(rows(&ctx, "SELECT running(v) FROM (VALUES (1), (2), (3)) AS t(v)").await, ["1", "3", "6"]);
    let short = column_function("short", [DataType::Int64], DataType::Int64, |_: &[ArrayRef], _| {
        Ok(Arc::new(Int64Array::from(vec![1])))
    });
    ctx.register_function(&short).unwrap();
    let wrong = error(&ctx, "SELECT short(v) FROM (VALUES (1), (2)) AS t(v)").await;
    assert!(wrong.message().contains("'short' gave 1 values for 2 rows"), "{wrong:?}");
}

#[tokio::test]
async fn types_are_checked_when_the_plan_is_built() {
    let ctx = context();
    ctx.register_function(&row_function("f", |a: i64, _: &str| a)).unwrap();
    for (query, message) in [
        ("SELECT f('one', 'x')", "argument 1 of f is varchar, where bigint is wanted"),
        ("SELECT f(1.5, 'x')", "argument 1 of f is double, where bigint is wanted"),
        ("SELECT f(1, 2)", "argument 2 of f is bigint, where varchar is wanted"),
        ("SELECT f(1)", "f takes 2 arguments, not 1"),
    ] {
        let error = ctx.sql(query).await.unwrap_err();
        assert!(error.is_user() && error.message().contains(message), "{query}\n{error:?}");
    }
    let frame = ctx.sql("SELECT 1.5 AS half").await.unwrap();
    assert!(frame.apply("g", &ctx.function("f").unwrap(), [col("half"), lit("x")]).is_err());
    assert!(frame.apply("g", &ctx.function("f").unwrap(), [col("nothing"), lit("x")]).is_err());
}

#[tokio::test]
async fn apply_adds_a_column_or_replaces_it() {
    let ctx = context();
    let double = row_function("double_it", |n: i64| n * 2);
    let frame = ctx.sql("SELECT 4 AS a, 'x' AS b").await.unwrap();
    let added = frame.apply("c", &double, [col("a")]).unwrap();
    assert_eq!(added.schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let replaced = frame.apply("a", &double, [col("a")]).unwrap().compute().await.unwrap();
    assert_eq!(replaced[0].column(0).as_primitive::<Int64Type>().value(0), 8);
}
