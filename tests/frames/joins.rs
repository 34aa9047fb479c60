//! Joins: the columns that come out, self-joins, NULL keys.

use super::*;

fn sides(ctx: &Context) -> (Frame, Frame) {
    let left = numbers(ctx, [("k", vec![Some(1), Some(2), None]), ("v", vec![Some(10), Some(20), Some(30)])]);
    let right = numbers(ctx, [("k", vec![Some(2), Some(3), None]), ("v", vec![Some(200), Some(300), Some(400)])]);
    (left, right)
}

#[tokio::test]
async fn a_merged_key_has_the_value_of_the_side_that_has_one() {
    let (left, right) = sides(&context());
    let joined = |join: Join| left.join(&right, join).unwrap();
    assert_eq!(joined(Join::full("k")).columns(), ["k", "v", "v_right"]);
    assert_eq!(sorted(&joined(Join::full("k"))).await, ["- - 400", "- 30 -", "1 10 -", "2 20 200", "3 - 300"]);
    assert_eq!(sorted(&joined(Join::right("k"))).await, ["- - 400", "2 20 200", "3 - 300"]);
    assert_eq!(sorted(&joined(Join::left("k"))).await, ["- 30 -", "1 10 -", "2 20 200"]);
    assert_eq!(sorted(&joined(Join::inner("k").nulls_equal())).await, ["- 30 400", "2 20 200"]);
    assert_eq!(sorted(&joined(Join::anti("k"))).await, ["- 30", "1 10"]);
    assert_eq!(sorted(&joined(Join::right_anti("k").nulls_equal())).await, ["3 300"]);
}

#[tokio::test]
async fn a_frame_joins_itself_and_what_was_made_of_it() {
    let (left, _) = sides(&context());
    let next = left.join(&left, Join::inner(col("v").lt(col("v_right")))).unwrap();
    assert_eq!(next.columns(), ["k", "v", "k_right", "v_right"]);
    assert_eq!(sorted(&next).await, ["1 10 - 30", "1 10 2 20", "2 20 - 30"]);
    let means = left.agg([mean("v").alias("v")]).unwrap();
    assert_eq!(sorted(&left.join(&means, Join::inner("v")).unwrap()).await, ["2 20"]);
    let thrice = left.join(&left, Join::inner("k")).unwrap().join(&left, Join::inner("k").suffixes("", "_3")).unwrap();
    assert_eq!(thrice.columns(), ["k", "v", "v_right", "v_3"]);
    assert_eq!(sorted(&thrice).await, ["1 10 10 10", "2 20 20 20"]);
    let doubled = left.with_column("v", col("v") * 2).unwrap();
    let pairs = doubled.join(&doubled, Join::left([("v", "v")]).suffixes("_a", "_b")).unwrap();
    assert_eq!(pairs.columns(), ["k_a", "v_a", "k_b", "v_b"]);
    assert_eq!(sorted(&pairs).await, ["- 60 - 60", "1 20 1 20", "2 40 2 40"]);
}

#[tokio::test]
async fn tables_may_be_said_in_a_condition() {
    let (left, right) = sides(&context());
    let (a, b) = (left.alias("a").unwrap(), right.alias("b").unwrap());
    let joined = a.join(&b, Join::semi(col("a.k").lt(col("b.k")) & col("b.v").gt(200))).unwrap();
    assert_eq!(sorted(&joined).await, ["1 10", "2 20"]);
}

#[tokio::test]
async fn what_cannot_be_joined_is_told() {
    let ctx = context();
    let (left, right) = sides(&ctx);
    let lists = ctx.sql("SELECT [1] AS k").await.unwrap();
    assert!(left.join(&lists, Join::inner("k")).unwrap_err().is_user());
    assert!(error(left.join(&right, Join::inner(Vec::<&str>::new()))).contains("Join::cross()"));
    assert!(error(left.join(&right, Join::inner(col("v") + 1))).contains("is no condition"));
    let clash = right.rename([("k", "v_right")]).unwrap();
    let told = error(left.join(&clash, Join::inner(col("k").eq(1))));
    assert!(told.starts_with("both sides would have a column 'v_right'"), "{told}");
}

#[tokio::test]
async fn a_value_of_a_frame_is_that_of_its_one_row() {
    let ctx = context();
    let (left, right) = sides(&ctx);
    let least = right.agg([min("v")]).unwrap().scalar().unwrap();
    assert_eq!(sorted(&left.filter((col("v") * 10).gt(least)).unwrap()).await, ["- 30"]);
    let nothing = right.filter(col("v").gt(999)).unwrap().select(["v"]).unwrap().scalar().unwrap();
    assert_eq!(sorted(&left.select([col("k"), nothing.alias("x")]).unwrap()).await, ["- -", "1 -", "2 -"]);
    let several = right.select(["v"]).unwrap().scalar().unwrap();
    assert!(left.select([several.alias("x")]).unwrap().compute().await.is_err());
    assert!(right.scalar().is_err());
}
