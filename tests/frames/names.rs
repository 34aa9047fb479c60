//! Names and types: what they mean, and what is told when they are wrong.

use super::*;

async fn table(ctx: &Context) -> Frame {
    ctx.sql("SELECT 1 AS \"Year\", 2 AS \"a.b\", 3 AS \"two words\", 'x' AS text, [1, 2] AS list").await.unwrap()
}

#[tokio::test]
async fn a_name_is_taken_as_it_is() {
    let frame = table(&context()).await;
    let picked = frame.select(["Year", "a.b", "two words"]).unwrap();
    assert_eq!(picked.columns(), ["Year", "a.b", "two words"]);
    assert_eq!(listed(&picked.with_column("Year", col("Year") + col("a.b")).unwrap()).await, ["3 2 3"]);
    assert_eq!(frame.rename([("a.b", "A B")]).unwrap().drop(["Year"]).unwrap().columns()[0], "A B");
    assert_eq!(listed(&frame.group_by("Year").unwrap().agg([sum("a.b")]).unwrap()).await, ["1 2"]);
}

#[tokio::test]
async fn a_table_may_be_said_where_no_column_has_the_whole_name() {
    let frame = table(&context()).await.alias("t").unwrap();
    assert_eq!(listed(&frame.select([col("t.Year"), col("t.a.b")]).unwrap()).await, ["1 2"]);
    let twice = context().sql("SELECT a.x, b.x FROM (SELECT 1 AS x) a, (SELECT 2 AS x) b").await.unwrap();
    assert_eq!(error(twice.select(["x"])), "2 columns are named 'x'\nhint: say which: a.x, b.x");
    assert_eq!(listed(&twice.select([col("b.x")]).unwrap()).await, ["2"]);
}

#[tokio::test]
async fn an_unknown_name_is_told_at_the_call_with_the_nearest() {
    let frame = table(&context()).await;
    let told = "column 'year' not found\nhint: did you mean 'Year'?";
    assert_eq!(error(frame.select(["year"])), told);
    assert_eq!(error(frame.filter(col("year").gt(1))), told);
    assert_eq!(error(frame.sort("year")), told);
    assert_eq!(error(frame.drop(["year"])), told);
    assert_eq!(error(frame.rename([("year", "y")])), told);
    assert_eq!(error(frame.cast([("year", DataType::Int8)])), told);
    assert_eq!(error(frame.agg([sum("year")])), told);
    assert_eq!(error(frame.drop_nulls("year")), told);
    assert_eq!(error(frame.explode("year")), told);
    assert_eq!(error(frame.unpivot("year", "n", "v")), told);
    assert_eq!(error(frame.pivot("Year", "year", [1], sum("a.b"))), told);
    assert_eq!(error(frame.join(&frame, Join::inner("year"))), told);
    assert_eq!(error(frame.join_asof(&frame, AsOf::backward("year"))), told);
    assert_eq!(error(frame.with_column("x", sum("a.b").over("year", ()))), told);
    let error = frame.group_by("year").unwrap_err();
    assert!(error.is_user(), "{error:?}");
    let far = frame.select(["zzz"]).unwrap_err();
    assert_eq!(far.hint(), Some("the columns are Year, a.b, two words, text, list"));
}

#[tokio::test]
async fn an_unknown_table_is_told_with_the_nearest() {
    let ctx = context();
    table(&ctx).await.register("flights").unwrap();
    let error = ctx.table("flihgts").await.unwrap_err();
    assert_eq!(error.report(), "table 'flihgts' not found\nhint: did you mean 'flights'?");
}

#[tokio::test]
async fn types_are_checked_at_the_call() {
    let frame = table(&context()).await;
    for wrong in [
        col("text") * 2,
        col("Year").str().upper().dt().year(),
        col("list") + 1,
        when(col("Year").eq(1)).then(1).otherwise(col("list")),
        col("Year").list().len(),
        col("text").field("x"),
        col("Year").and(true),
    ] {
        let error = frame.with_column("new", wrong.clone()).expect_err(&wrong.to_string());
        assert!(error.is_user(), "{wrong}: {error:?}");
    }
    let searched = error(frame.filter(col("Year").is_in_frame(&frame)));
    assert!(searched.starts_with("values are searched in a frame of one column, not of 5"), "{searched}");
    assert!(error(frame.filter(col("Year"))).starts_with("Year is no condition but Int64"));
    assert!(error(frame.fill_null(date("2013-01-01").unwrap())).starts_with("no column takes"));
    assert!(error(frame.explode("text")).starts_with("column 'text' is no list"));
}

#[tokio::test]
async fn aggregates_and_windows_stand_where_they_mean_something() {
    let frame = table(&context()).await;
    assert!(error(frame.select([sum("Year")])).contains("use .agg([…]), or .over((), ())"));
    assert!(error(frame.filter(sum("Year").gt(1))).contains("a value of many rows"));
    assert!(error(frame.with_column("r", rank())).contains("rank wants an order"));
    assert!(error(frame.with_column("r", col("Year").rolling_mean(2))).contains("wants an order"));
    let stray = frame.group_by("Year").unwrap().agg([sum("a.b") + col("two words")]);
    assert!(error(stray).starts_with("column 'two words' is neither a key nor inside an aggregate"));
    assert!(error(frame.pivot("Year", "text", ["x"], col("a.b"))).contains("is no aggregate"));
}

#[tokio::test]
async fn two_columns_of_one_name_are_refused() {
    let frame = table(&context()).await;
    assert!(error(frame.select([col("Year"), col("a.b").alias("Year")])).starts_with("two columns are named 'Year'"));
    assert!(error(frame.rename([("a.b", "Year")])).starts_with("two columns are named 'Year'"));
    assert!(error(frame.with_columns([("x", 1), ("x", 2)])).starts_with("column 'x' is given twice"));
    assert!(error(frame.select(())).starts_with("a frame wants at least one column"));
}
