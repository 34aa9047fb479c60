//! Functions whose places and NULLs people count on.

use super::*;

async fn values(select: &str, exprs: Vec<Expr>) -> String {
    let frame = context().sql(select).await.unwrap();
    let named = exprs.into_iter().enumerate().map(|(at, expr)| expr.alias(format!("c{at}"))).collect::<Vec<_>>();
    listed(&frame.select(named).unwrap()).await.join("\n")
}

#[tokio::test]
async fn places_in_text_are_counted_from_0() {
    let t = || col("t").str();
    let exprs =
        vec![t().slice(0, 2), t().slice(2, 9), t().find("é"), t().find("x"), t().len(), t().left(1), t().right(1)];
    assert_eq!(values("SELECT 'aéb' AS t", exprs).await, "aé b 1 - 3 a b");
    let exprs =
        vec![t().extract("([0-9]+)-"), t().extract("z(.)"), t().replace_regex("([0-9])", "<\\1>"), t().matches("^a")];
    assert_eq!(values("SELECT 'a12-3' AS t", exprs).await, "12 - a<1><2>-<3> true");
    let exprs =
        vec![t().split(",").list().len(), t().split(",").list().get(-1), t().contains("."), t().pad_left(5, "0")];
    assert_eq!(values("SELECT 'a,b' AS t", exprs).await, "2 b false 00a,b");
    let exprs = vec![t().to_date("%d.%m.%Y"), t().to_timestamp("%d.%m.%Y").dt().date()];
    assert_eq!(values("SELECT '31.01.2013' AS t", exprs).await, "2013-01-31 2013-01-31");
}

#[tokio::test]
async fn places_in_lists_are_counted_from_0_and_from_the_end() {
    let l = || col("l").list();
    let exprs =
        vec![l().get(0), l().get(2), l().get(3), l().get(-1), l().get(-4), l().len(), l().slice(1, 1).list().len()];
    assert_eq!(values("SELECT [5, 3, 4] AS l", exprs).await, "5 4 - 4 - 3 1");
    let exprs = vec![l().sort().list().get(0), l().contains(4), l().sum(), l().max(), l().join("+")];
    assert_eq!(values("SELECT [5, 3, 4] AS l", exprs).await, "3 true 12.0 5 5+3+4");
    let struct_of_map = "SELECT {'a': 1, 'B': 'x'} AS s";
    assert_eq!(values(struct_of_map, vec![col("s").field("a") + 1, col("s").field("B")]).await, "2 x");
}

#[tokio::test]
async fn a_week_begins_on_monday() {
    let days = "SELECT DATE '2024-01-01' AS a, DATE '2024-01-07' AS b";
    assert_eq!(
        values(days, vec![col("a").dt().weekday(), col("b").dt().weekday(), col("b").dt().week()]).await,
        "0 6 1"
    );
    let instant = "SELECT TIMESTAMP '2024-05-06 07:08:09' AS t";
    let t = || col("t").dt();
    let exprs = vec![t().year(), t().quarter(), t().month(), t().day(), t().hour(), t().minute(), t().second()];
    assert_eq!(values(instant, exprs).await, "2024 2 5 6 7 8 9");
    assert_eq!(values(instant, vec![t().date(), t().format("%H:%M"), t().day_of_year()]).await, "2024-05-06 07:08 127");
}

#[tokio::test]
async fn numbers_mean_what_sql_makes_of_them() {
    let frame = context().sql("SELECT CAST(7 AS INT) AS n, 2.5 AS x").await.unwrap();
    let exprs = [col("n") / 2, 1 - col("n"), col("n") % 4, -col("n"), col("x") * 2, 10.0 / col("x"), col("n") + 1_u64];
    let named = exprs.into_iter().enumerate().map(|(at, expr)| expr.alias(format!("c{at}"))).collect::<Vec<_>>();
    assert_eq!(listed(&frame.select(named).unwrap()).await, ["3 -6 3 -7 5.0 4.0 8"]);
    let exprs =
        vec![col("n").clip(0, 5), col("n").null_if(7).fill_null(1), col("n").is_in([1, 7]), !col("n").is_in([1])];
    assert_eq!(values("SELECT 7 AS n", exprs).await, "5 1 true true");
    let nothing: [i64; 0] = [];
    assert_eq!(values("SELECT 7 AS n", vec![col("n").is_in(nothing)]).await, "false");
}

#[tokio::test]
async fn windows_have_an_order_and_gaps() {
    let ctx = context();
    let frame =
        numbers(&ctx, [("t", vec![Some(1), Some(2), Some(3), Some(4)]), ("v", vec![Some(1), None, Some(5), Some(7)])]);
    let v = || col("v");
    let windows = frame.select([
        col("t"),
        v().shift(1).over((), "t").alias("before"),
        v().shift(-1).over((), "t").alias("behind"),
        v().diff(1).over((), "t").alias("change"),
        v().rolling_sum(2).over((), "t").alias("of_two"),
        v().cumsum().over((), "t").alias("so_far"),
        sum("v").over((), ()).alias("all"),
        rank().over((), v().descending().nulls_last()).alias("rank"),
    ]);
    let rows = sorted(&windows.unwrap()).await;
    assert_eq!(rows, ["1 - - - - 1 13 3", "2 1 5 - - 1 13 4", "3 - 7 - - 6 13 2", "4 5 - 2 12 13 13 1"]);
    let over_itself = frame.filter(v().gt(mean("v").over((), ()))).unwrap();
    assert_eq!(over_itself.columns(), ["t", "v"]);
    assert_eq!(sorted(&over_itself).await, ["3 5", "4 7"]);
    assert_eq!(
        listed(&frame.sort(row_number().over((), v().descending().nulls_last())).unwrap().select(["t"]).unwrap()).await,
        ["4", "3", "1", "2"]
    );
}

#[tokio::test]
async fn a_filtered_aggregate_counts_some_rows() {
    let ctx = context();
    let frame = numbers(&ctx, [("v", vec![Some(1), None, Some(5), Some(7)])]);
    let some = frame.agg([
        count_rows().filter(col("v").is_null()).alias("nulls"),
        sum("v").filter(col("v").gt(1)).filter(col("v").lt(7)).alias("middle"),
        (max("v") - min("v").filter(col("v").gt(1))).alias("range"),
        sum(col("v").filter(col("v").gt(1))).alias("large"),
    ]);
    assert_eq!(listed(&some.unwrap()).await, ["1 5 2 12"]);
}
