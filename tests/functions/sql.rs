//! Functions that are an SQL expression.

use crate::{context, error, rows, run};

#[tokio::test]
async fn an_expression_and_a_query_and_both_forms() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION area(a BIGINT, b DOUBLE DEFAULT 1) RETURNS DOUBLE LANGUAGE SQL RETURN a * b").await;
    run(&ctx, "CREATE TEMPORARY FUNCTION twice(a BIGINT) RETURNS BIGINT AS $$ SELECT a * 2 $$ LANGUAGE SQL").await;
    run(&ctx, "CREATE FUNCTION thrice(a BIGINT) RETURNS BIGINT AS 'a * 3'").await;
    assert_eq!(rows(&ctx, "SELECT area(2, 3.5), area(2), twice(4), thrice(5)").await, ["7.0|2.0|8|15"]);
    assert_eq!(rows(&ctx, "SELECT area(b => 2, a => 3), area(3, b := 4), area(a => 5)").await, ["6.0|12.0|5.0"]);
}

#[tokio::test]
async fn the_optimizer_sees_through_it() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION late(d BIGINT) RETURNS BOOLEAN RETURN d > 15").await;
    let plan =
        ctx.sql("SELECT * FROM generate_series(1, 30) WHERE late(value)").await.unwrap().explain().await.unwrap();
    let optimized = plan.split("optimized").nth(1).unwrap();
    assert!(optimized.contains("value > Int64(15)") && !optimized.contains("late("), "{plan}");
}

#[tokio::test]
async fn columns_keep_the_name_of_the_call() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION inc(a BIGINT) RETURNS BIGINT RETURN a + 1").await;
    let frame = ctx.sql("SELECT inc(value) FROM generate_series(1, 3)").await.unwrap();
    assert!(frame.schema().field(0).name().starts_with("inc("), "{}", frame.schema());
    assert_eq!(
        rows(&ctx, "SELECT inc(value), count(*) FROM generate_series(1, 2) GROUP BY inc(value) ORDER BY inc(value)")
            .await,
        ["2|1", "3|1"]
    );
}

/// A parameter of a name that the table of a subquery has too: the nearer one is meant, as everywhere in SQL.
#[tokio::test]
async fn a_subquery_over_a_table() {
    let ctx = context();
    run(&ctx, "CREATE TABLE prices AS SELECT * FROM (VALUES (1, 10), (2, 20)) AS t(id, price)").await;
    run(&ctx, "CREATE FUNCTION price_of(wanted BIGINT) RETURNS BIGINT RETURN (SELECT max(price) FROM prices WHERE id = wanted)").await;
    run(&ctx, "CREATE FUNCTION highest() RETURNS BIGINT RETURN (SELECT max(price) FROM prices)").await;
    run(&ctx, "CREATE TABLE orders AS SELECT * FROM (VALUES (1, 2), (2, 1), (3, 9)) AS t(id, item)").await;
    assert_eq!(
        rows(&ctx, "SELECT id, price_of(item), highest() FROM orders ORDER BY id").await,
        ["1|20|20", "2|10|20", "3|NULL|20"]
    );
    assert_eq!(rows(&ctx, "SELECT id FROM orders WHERE price_of(item) > 10").await, ["1"]);
}

#[tokio::test]
async fn functions_in_functions() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION inc(a BIGINT) RETURNS BIGINT RETURN a + 1").await;
    run(&ctx, "CREATE FUNCTION inc2(a BIGINT) RETURNS BIGINT RETURN inc(inc(a))").await;
    assert_eq!(rows(&ctx, "SELECT inc2(inc(1))").await, ["4"]);
}

#[tokio::test]
async fn recursion_is_refused() {
    let ctx = context();
    let error =
        error(&ctx, "CREATE FUNCTION f(n BIGINT) RETURNS BIGINT RETURN CASE WHEN n < 2 THEN 1 ELSE n * f(n - 1) END")
            .await;
    assert!(error.message().contains("'f' calls itself"), "{error:?}");
}

/// An argument that is another with every look was computed once for each of them.
#[tokio::test]
async fn an_argument_is_computed_once() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION same(a DOUBLE) RETURNS BOOLEAN RETURN a = a AND a <= a").await;
    let query = "SELECT count(*) FROM generate_series(1, 1000) WHERE NOT same(random())";
    assert_eq!(rows(&ctx, query).await, ["0"]);
}

#[tokio::test]
async fn null_is_an_argument_unless_the_function_is_strict() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION or_one(a BIGINT) RETURNS BIGINT RETURN coalesce(a, 1)").await;
    run(&ctx, "CREATE FUNCTION strictly(a BIGINT) RETURNS BIGINT STRICT RETURN coalesce(a, 1)").await;
    assert_eq!(rows(&ctx, "SELECT or_one(NULL), strictly(NULL), strictly(3)").await, ["1|NULL|3"]);
}

#[tokio::test]
async fn overloads_by_types() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION kind(a BIGINT) RETURNS VARCHAR RETURN 'whole'").await;
    run(&ctx, "CREATE FUNCTION kind(a DOUBLE) RETURNS VARCHAR RETURN 'broken'").await;
    run(&ctx, "CREATE FUNCTION kind(a VARCHAR) RETURNS VARCHAR RETURN 'text'").await;
    run(&ctx, "CREATE FUNCTION kind(a VARCHAR, b VARCHAR) RETURNS VARCHAR RETURN 'texts'").await;
    let query = "SELECT kind(1), kind(1.5), kind('1'), kind('1', '2'), kind(CAST(1 AS SMALLINT)) AS small, kind(CAST(1 AS REAL)) AS real";
    assert_eq!(rows(&ctx, query).await, ["whole|broken|text|texts|whole|broken"]);
    let none = error(&ctx, "SELECT kind(true)").await;
    assert!(none.message().contains("there is no function kind(boolean)"), "{none:?}");
    assert!(error(&ctx, "DROP FUNCTION kind").await.message().contains("there are 4 functions"));
    run(&ctx, "DROP FUNCTION kind(BIGINT)").await;
    assert_eq!(rows(&ctx, "SELECT kind(1)").await, ["broken"]);
}

#[tokio::test]
async fn create_drop_show_describe() {
    let ctx = context();
    run(&ctx, "CREATE FUNCTION f(a BIGINT) RETURNS BIGINT RETURN a").await;
    let there = error(&ctx, "CREATE FUNCTION f(b BIGINT) RETURNS BIGINT RETURN b").await;
    assert!(there.message().contains("function f(a bigint) RETURNS bigint exists"), "{there:?}");
    run(&ctx, "CREATE OR REPLACE FUNCTION f(a BIGINT) RETURNS BIGINT RETURN a + 1").await;
    run(&ctx, "CREATE FUNCTION \"Loud\"(a VARCHAR) RETURNS VARCHAR RETURN upper(a)").await;
    assert_eq!(rows(&ctx, "SHOW FUNCTIONS LIKE 'f%'").await, ["f|a bigint|bigint|SQL|row"]);
    let described = rows(&ctx, "DESCRIBE FUNCTION f").await;
    assert!(described[0].starts_with("f(a bigint) RETURNS bigint|SQL|IMMUTABLE|CALLED ON NULL INPUT|a + 1|"));
    assert!(error(&ctx, "DESCRIBE FUNCTION g").await.message().contains("there is no function 'g'"));
    run(&ctx, "DROP FUNCTION f").await;
    run(&ctx, "DROP FUNCTION IF EXISTS f").await;
    assert!(error(&ctx, "DROP FUNCTION f").await.is_user());
    assert!(error(&ctx, "SELECT f(1)").await.is_user());
}

#[tokio::test]
async fn what_cannot_be_made_says_why() {
    let ctx = context();
    for (statement, message) in [
        ("CREATE FUNCTION abs(a BIGINT) RETURNS BIGINT RETURN a", "'abs' is a function of the engine"),
        ("CREATE FUNCTION f(a BIGINT) RETURN a", "has no type"),
        ("CREATE FUNCTION f(a BIGINT) RETURNS BIGINT", "has no body"),
        ("CREATE FUNCTION f(a BIGINT) RETURNS BIGINT RETURN b", "b"),
        ("CREATE FUNCTION f(a BIGINT, a BIGINT) RETURNS BIGINT RETURN a", "two parameters 'a'"),
        ("CREATE FUNCTION f(a BIGINT DEFAULT 1, b BIGINT) RETURNS BIGINT RETURN a", "'b' of 'f' needs a default"),
        ("CREATE FUNCTION f(a BIGINT) RETURNS BIGINT RETURN sum(a)", "aggregate"),
        ("CREATE FUNCTION f(a BIGINT) RETURNS BIGINT LANGUAGE lua AS $$ a $$", "there is no language 'lua'"),
        ("CREATE FUNCTION f(a BIGINT) RETURNS BIGINT AS $$ a + $$", "Expected: an expression"),
        ("CREATE FUNCTION s.f(a BIGINT) RETURNS BIGINT RETURN a", "no schema"),
    ] {
        let error = error(&ctx, statement).await;
        assert!(error.is_user() && error.message().contains(message), "{statement}\n{error:?}");
    }
    run(&ctx, "CREATE FUNCTION f(a BIGINT, b BIGINT DEFAULT 2) RETURNS BIGINT RETURN a + b").await;
    for (query, message) in [
        ("SELECT f(c => 1)", "f has no parameter 'c'"),
        ("SELECT f(b => 1)", "f needs a value for its parameter 'a'"),
        ("SELECT f(1, a => 1)", "f is given an argument twice"),
        ("SELECT f(1, 2, 3)", "f takes at most 2 arguments, not 3"),
    ] {
        let error = error(&ctx, query).await;
        assert!(error.is_user() && error.message().contains(message), "{query}\n{error:?}");
    }
}

/// A place in a body is a place in the script.
#[tokio::test]
async fn a_mistake_in_a_body_has_a_place() {
    let ctx = context();
    let error = error(&ctx, "CREATE FUNCTION f(a BIGINT) RETURNS BIGINT\nAS $body$\n  a + + nothing\n$body$").await;
    assert_eq!(error.span().map(|span| span.line()), Some(3), "{error:?}");
}
