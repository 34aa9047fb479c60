//! Rows: limits, ends, samples, gaps, and the batches they come from.

use super::*;
use partita::MemoryLimit;

fn many(ctx: &Context, rows: i64, partitions: usize) -> Frame {
    let values = Int64Array::from_iter_values((0..rows).map(|n| (n * 7919) % rows));
    let tens = Int64Array::from_iter((0..rows).map(|n| (n % 11 != 0).then_some(n % 10)));
    let batch = RecordBatch::try_from_iter([("n", Arc::new(values) as ArrayRef), ("digit", Arc::new(tens) as _)]);
    ctx.from_batches(vec![batch.unwrap()], partitions).unwrap()
}

#[tokio::test]
async fn a_sample_is_the_same_in_any_partitioning() {
    let ctx = context();
    let taken = |partitions: usize, seed: u64| {
        let frame = many(&ctx, 20_000, partitions).sample(0.1, seed).unwrap();
        async move { sorted(&frame).await }
    };
    let one = taken(1, 7).await;
    assert_eq!(one, taken(7, 7).await);
    let other_context = Context::builder().threads(1).build().unwrap();
    assert_eq!(one, sorted(&many(&other_context, 20_000, 3).sample(0.1, 7).unwrap()).await);
    assert!((1_800..2_200).contains(&one.len()), "{}", one.len());
    assert_ne!(one, taken(1, 8).await);
    // Of two samples the one of the larger share has all rows of the other.
    let larger = sorted(&many(&ctx, 20_000, 2).sample(0.3, 7).unwrap()).await;
    assert!(one.iter().all(|row| larger.binary_search(row).is_ok()));
}

#[tokio::test]
async fn a_sample_has_all_rows_or_none_at_its_ends() {
    let frame = many(&context(), 1000, 2);
    assert_eq!(sorted(&frame.sample(1.0, 1).unwrap()).await.len(), 1000);
    assert_eq!(sorted(&frame.sample(0.0, 1).unwrap()).await.len(), 0);
    for wrong in [-0.1, 1.1, f64::NAN] {
        assert!(error(frame.sample(wrong, 1)).contains("between 0.0 and 1.0"));
    }
}

#[tokio::test]
async fn the_tail_is_the_end_of_the_order() {
    let frame = many(&context(), 1000, 3);
    let sorted = frame.sort("n").unwrap();
    assert_eq!(listed(&sorted.select(["n"]).unwrap().tail(3).unwrap()).await, ["997", "998", "999"]);
    assert_eq!(
        listed(&sorted.filter(col("n").lt(5)).unwrap().tail(2).unwrap().select(["n"]).unwrap()).await,
        ["3", "4"]
    );
    assert_eq!(listed(&sorted.head(5).unwrap().tail(2).unwrap().select(["n"]).unwrap()).await, ["3", "4"]);
    let doubled = sorted.with_column("n", col("n") * 2).unwrap().select(["n"]).unwrap();
    assert_eq!(listed(&doubled.tail(1).unwrap()).await, ["1998"]);
    let descending = frame.sort(col("n").descending()).unwrap().select(["n"]).unwrap();
    assert_eq!(listed(&descending.tail(2).unwrap()).await, ["1", "0"]);
    // Cut twice: the engine gave the rows of the larger cut.
    let twice = frame.sort("n").unwrap().tail(6).unwrap().sort("n").unwrap().tail(2).unwrap();
    assert_eq!(listed(&twice.select(["n"]).unwrap()).await, ["998", "999"]);
    assert_eq!(listed(&sorted.tail(6).unwrap().tail(2).unwrap().select(["n"]).unwrap()).await, ["998", "999"]);
    assert_eq!(listed(&sorted.tail(0).unwrap()).await.len(), 0);
    assert!(error(frame.tail(3)).contains("a frame without an order has no last rows"));
    assert!(error(sorted.group_by("digit").unwrap().count().unwrap().tail(3)).contains("without an order"));
}

#[tokio::test]
async fn gaps_are_filled_by_kind() {
    let ctx = context();
    let frame = ctx.sql("SELECT * FROM (VALUES (1, 'x', 0.5), (NULL, NULL, NULL)) AS t (n, t, x)").await.unwrap();
    assert_eq!(sorted(&frame.fill_null(0).unwrap()).await, ["0 - 0.0", "1 x 0.5"]);
    assert_eq!(sorted(&frame.fill_null("none").unwrap()).await, ["- none -", "1 x 0.5"]);
    assert_eq!(sorted(&frame.drop_nulls(()).unwrap()).await, ["1 x 0.5"]);
    assert_eq!(sorted(&frame.fill_null(0).unwrap().drop_nulls(["n", "x"]).unwrap()).await.len(), 2);
}

#[tokio::test]
async fn one_row_of_each_is_the_first_in_the_order() {
    let ctx = context();
    let frame =
        numbers(&ctx, [("k", vec![Some(1), Some(1), None, None]), ("v", vec![Some(1), Some(2), None, Some(3)])]);
    let first = frame.distinct_on("k", col("v").descending().nulls_last()).unwrap();
    assert_eq!(sorted(&first).await, ["- 3", "1 2"]);
    assert_eq!(sorted(&frame.distinct_on("k", ()).unwrap()).await.len(), 2);
    assert!(error(frame.distinct_on((), ())).contains("distinct() takes all of them"));
}

#[tokio::test]
async fn batches_are_dealt_to_exactly_so_many_partitions() {
    let ctx = context();
    for (rows, partitions) in [(10, 3), (2, 5), (0, 2), (20_000, 4)] {
        let frame = many(&ctx, rows, partitions);
        assert_eq!(listed(&frame).await.len(), rows as usize);
    }
    let batch = many(&ctx, 10, 1).compute().await.unwrap().remove(0);
    let other = batch.project(&[0]).unwrap();
    assert!(error(ctx.from_batches(vec![batch.clone(), other], 1)).starts_with("the batches have different columns"));
    assert!(error(ctx.from_batches(vec![batch.clone()], 0)).starts_with("a frame wants at least one partition"));
    assert!(error(ctx.from_batches(vec![], 1)).starts_with("no batches have no columns"));
}

#[tokio::test]
async fn a_quantile_lies_between_two_values() {
    let ctx = context();
    let frame = numbers(&ctx, [("n", vec![Some(4), None, Some(1), Some(2)]), ("m", vec![None, None, None, None])]);
    for (q, expected) in [(0.0, "1.0"), (0.25, "1.5"), (0.5, "2.0"), (0.75, "3.0"), (1.0, "4.0")] {
        assert_eq!(listed(&frame.quantile("n", q).unwrap()).await, [expected], "{q}");
    }
    assert_eq!(listed(&frame.quantile(["n", "m"], 0.5).unwrap()).await, ["2.0 -"]);
    assert_eq!(listed(&frame.filter(col("n").gt(9)).unwrap().quantile("n", 0.5).unwrap()).await, ["-"]);
    assert!(error(frame.quantile("n", 1.5)).contains("between 0.0 and 1.0"));
}

/// The calls that hold many rows hold them in the budget.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_goes_through_disk() {
    let limit = Context::builder().threads(2).memory_limit(MemoryLimit::smallest());
    let ctx = limit.build().unwrap();
    let rows = 2_000_000;
    let frame = ctx.range(0..rows).unwrap().with_column("k", (col("value") * 7919) % 1000).unwrap();
    assert_eq!(listed(&frame.quantile("value", 0.5).unwrap()).await, ["999999.5"]);
    let shifted = frame.with_column("value", col("value") - 1).unwrap().rename([("value", "before")]).unwrap();
    let joined = frame.join_asof(&shifted, AsOf::backward(("value", "before")).by(["k"])).unwrap();
    let summary = joined.agg([count_rows(), count("before"), sum(col("value") - col("before"))]).unwrap();
    // The partner of every row is its own copy, which is one less.
    assert_eq!(listed(&summary).await, [format!("{rows} {rows} {rows}")]);
}

/// The inputs of a union that hold memory run one after the other: whoever read the last partition first waited for one
/// that nobody read.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_of_a_union_are_read_in_any_order() {
    let ctx = Context::builder().threads(2).build().unwrap();
    let grouped = "SELECT value * 7 % 100003 AS k, count(*) AS c FROM generate_series(1, 200000) GROUP BY 1";
    // Were both keys in one place, the engine would merge the inputs partition by partition.
    let turned = format!("SELECT c, k FROM ({grouped})");
    let frame = ctx.sql(&format!("{grouped} UNION ALL {turned} UNION ALL {grouped}")).await.unwrap();
    let read = async {
        let mut rows = 0;
        for mut stream in frame.streams().await.unwrap().into_iter().rev().collect::<Vec<_>>() {
            while let Some(batch) = futures::StreamExt::next(&mut stream).await {
                rows += batch.unwrap().num_rows();
            }
        }
        rows
    };
    let rows = tokio::time::timeout(std::time::Duration::from_secs(60), read).await.expect("it hangs");
    assert_eq!(rows, 3 * 100_003);
}
