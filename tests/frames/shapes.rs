//! Frames turned, taken apart and put together.

use super::*;

#[tokio::test]
async fn empty_lists_and_nulls_keep_their_row() {
    let ctx = context();
    let lists = "SELECT * FROM (VALUES (1, [1, 2]), (2, NULL), (3, []), (4, [NULL])) AS t (n, l)";
    let frame = ctx.sql(lists).await.unwrap();
    assert_eq!(sorted(&frame.explode("l").unwrap()).await, ["1 1", "1 2", "2 -", "3 -", "4 -"]);
    let two = ctx.sql("SELECT [1, 2] AS a, ['x'] AS b").await.unwrap();
    assert_eq!(listed(&two.explode(["a", "b"]).unwrap()).await, ["1 x", "2 -"]);
}

#[tokio::test]
async fn a_pivot_turned_back_has_the_same_cells() {
    let ctx = context();
    let long =
        ctx.sql("SELECT * FROM (VALUES ('a', 1, 5), ('a', 2, 6), ('b', NULL, 7)) AS t (who, what, n)").await.unwrap();
    let wide = long.pivot_all("who", "what", max("n")).await.unwrap();
    assert_eq!(wide.columns(), ["who", "1", "2", "null"]);
    assert_eq!(sorted(&wide).await, ["a 5 6 -", "b - - 7"]);
    let back = wide.unpivot(["1", "2", "null"], "what", "n").unwrap().drop_nulls("n").unwrap();
    assert_eq!(sorted(&back).await, ["a 1 5", "a 2 6", "b null 7"]);
    let ratio = long.pivot("who", "what", [1, 2], sum("n") / count_rows()).unwrap();
    assert_eq!(sorted(&ratio).await, ["a 5 6", "b - -"]);
    let mixed = ctx.sql("SELECT 1 AS a, DATE '2013-01-01' AS b").await.unwrap();
    assert!(mixed.unpivot(["a", "b"], "name", "value").is_err());
}

/// The engine took the key of a pivot for a key of its unpivoted rows, and sorted and grouped by that alone.
#[tokio::test]
async fn what_is_turned_back_can_be_sorted_and_grouped() {
    let ctx = context();
    let long =
        ctx.sql("SELECT * FROM (VALUES ('a', 1, 5), ('a', 2, 6), ('b', 1, 7)) AS t (who, what, n)").await.unwrap();
    let back = long.pivot("who", "what", [2, 1], max("n")).unwrap().unpivot(["2", "1"], "what", "n").unwrap();
    assert_eq!(listed(&back.sort(["who", "what"]).unwrap()).await, ["a 1 5", "a 2 6", "b 1 7", "b 2 -"]);
    let groups = back.group_by(["who", "what"]).unwrap().agg([count("n").alias("n")]).unwrap();
    assert_eq!(sorted(&groups).await, ["a 1 1", "a 2 1", "b 1 1", "b 2 0"]);
}

#[tokio::test]
async fn unions_are_by_position_or_by_name() {
    let ctx = context();
    let (a, b) = (ctx.sql("SELECT 1 AS x, 2 AS y").await.unwrap(), ctx.sql("SELECT 3 AS y, 4.5 AS x").await.unwrap());
    assert_eq!(sorted(&a.union(&b).unwrap()).await, ["1 2.0", "3 4.5"]);
    assert_eq!(sorted(&a.union_by_name(&b).unwrap()).await, ["1.0 2", "4.5 3"]);
    let dates = ctx.sql("SELECT [1] AS x, 2 AS y").await.unwrap();
    assert!(a.union(&dates).unwrap_err().is_user());
    assert!(error(a.except(&a.select(["x"]).unwrap())).starts_with("frames of 2 and 1 columns"));
}

#[tokio::test]
async fn all_columns_of_a_group_keep_their_names() {
    let ctx = context();
    let frame = numbers(&ctx, [("k", vec![Some(1), Some(1), None]), ("v", vec![Some(1), Some(4), None])]);
    let groups = frame.group_by("k").unwrap();
    assert_eq!(sorted(&groups.count().unwrap()).await, ["- 1", "1 2"]);
    assert_eq!(sorted(&groups.sum().unwrap()).await, ["- -", "1 5"]);
    assert_eq!(sorted(&groups.mean().unwrap()).await, ["- -", "1 2.5"]);
    assert_eq!(sorted(&groups.max().unwrap()).await, ["- -", "1 4"]);
    let by_expression = frame.group_by([(col("v") % 2).alias("odd")]).unwrap().agg([count_rows().alias("n")]).unwrap();
    assert_eq!(sorted(&by_expression).await, ["- 1", "0 1", "1 1"]);
}

#[tokio::test]
async fn overviews_are_frames() {
    let ctx = context();
    let frame = numbers(&ctx, [("a", vec![Some(1), Some(2), Some(3)]), ("b", vec![Some(3), Some(2), Some(1)])]);
    assert_eq!(listed(&frame.corr().unwrap()).await, ["a 1.0 -1.0", "b -1.0 1.0"]);
    let described = frame.describe().unwrap().select(["column_name", "min", "max", "count"]).unwrap();
    assert_eq!(listed(&described).await, ["a 1 3 3", "b 1 3 3"]);
    assert_eq!(
        listed(&frame.union(&frame.head(2).unwrap()).unwrap().value_counts("a").unwrap().head(1).unwrap()).await.len(),
        1
    );
}

#[tokio::test]
async fn a_frame_is_a_view_of_sql_and_sql_is_a_frame() {
    let ctx = context();
    let frame = ctx.range(0..10).unwrap().filter(col("value").gt(5)).unwrap();
    frame.register("large Numbers").unwrap();
    let counted = ctx.sql("SELECT count(*) AS n FROM \"large Numbers\"").await.unwrap();
    assert_eq!(listed(&counted).await, ["4"]);
    assert_eq!(listed(&ctx.table("large Numbers").await.unwrap().agg([max("value")]).unwrap()).await, ["9"]);
    let joined = frame.sql("SELECT a.value FROM self a JOIN self b ON a.value = b.value + 1").await.unwrap();
    assert_eq!(sorted(&joined.filter(col("value").lt(9)).unwrap()).await, ["7", "8"]);
    assert!(ctx.sql("SELECT * FROM self").await.is_err());
}
