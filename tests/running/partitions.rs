//! Frames as partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use futures::{StreamExt, TryStreamExt};
use partita::prelude::col;
use partita::{Error, Source};

use super::{context, frame, rows};

const SERIES: &str = "SELECT value AS n, value % 10 AS k FROM generate_series(1, 100000)";

#[tokio::test]
async fn repartition_is_exact_and_loses_nothing() {
    let ctx = context();
    let series = frame(&ctx, SERIES).await;
    for count in [1, 2, 3, 7, 40] {
        let dealt = series.repartition(count).unwrap();
        assert_eq!(dealt.npartitions().await.unwrap(), count);
        let streams = dealt.streams().await.unwrap();
        let mut sizes = Vec::new();
        for stream in streams {
            let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
            sizes.push(batches.iter().map(RecordBatch::num_rows).sum::<usize>());
        }
        assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (count, 100_000));
        assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
    }
    assert_eq!(rows(&series.repartition(5).unwrap()).await, rows(&series).await);
    assert!(series.repartition(0).unwrap_err().is_user());
}

/// Whole batches were dealt in turn: all rows of a small frame came into one partition.
#[tokio::test]
async fn a_small_frame_is_dealt_evenly() {
    let ctx = context();
    let dealt = frame(&ctx, "SELECT value FROM generate_series(1, 800)").await.repartition(8).unwrap();
    for number in 0..8 {
        assert_eq!(dealt.partition(number).unwrap().count().await.unwrap(), 100);
    }
    let error = dealt.partition(8).unwrap().compute().await.unwrap_err();
    assert!(error.is_user() && error.message().contains("no partition 8"), "{error}");
}

#[tokio::test]
async fn what_comes_after_keeps_the_partitions() {
    let ctx = context();
    let dealt = frame(&ctx, SERIES).await.repartition(6).unwrap();
    let schema = dealt.schema();
    let mapped = dealt.map_partitions(&schema, |batches, _| batches).unwrap();
    assert_eq!(mapped.npartitions().await.unwrap(), 6);
    assert_eq!(mapped.count().await.unwrap(), 100_000);
}

#[tokio::test]
async fn equal_keys_are_together() {
    let ctx = context();
    let dealt = frame(&ctx, SERIES).await.repartition_by([col("k")], 4).unwrap();
    let mut seen = std::collections::HashSet::new();
    for stream in dealt.streams().await.unwrap() {
        let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
        let mut here = std::collections::HashSet::new();
        for batch in &batches {
            let keys = batch.column(1).as_any().downcast_ref::<Int64Array>().unwrap();
            here.extend(keys.values().iter().copied());
        }
        assert!(here.is_disjoint(&seen));
        seen.extend(here);
    }
    assert_eq!(seen.len(), 10);
    assert!(dealt.repartition_by((), 4).unwrap_err().is_user());
    assert!(dealt.repartition_by([col("nothing")], 4).unwrap_err().is_user());
}

#[tokio::test]
async fn a_function_sees_a_stream_and_its_number() {
    let ctx = context();
    let dealt = frame(&ctx, SERIES).await.repartition(3).unwrap();
    let schema = Arc::new(Schema::new(vec![
        Field::new("partition", DataType::Int64, false),
        Field::new("rows", DataType::Int64, false),
    ]));
    let given = Arc::clone(&schema);
    let counted = dealt
        .map_partitions(&schema, move |batches, number| {
            let schema = Arc::clone(&given);
            batches.map(move |batch| {
                let rows = batch?.num_rows() as i64;
                let columns: Vec<Arc<dyn datafusion::arrow::array::Array>> =
                    vec![Arc::new(Int64Array::from(vec![number as i64])), Arc::new(Int64Array::from(vec![rows]))];
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            })
        })
        .unwrap();
    let counted: Vec<(i64, i64)> = counted.collect_into().await.unwrap();
    let numbers: std::collections::BTreeSet<i64> = counted.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers.len(), counted.iter().map(|(_, rows)| rows).sum::<i64>()), (3, 100_000));
}

#[tokio::test]
async fn a_function_that_breaks_its_word_is_an_error() {
    let ctx = context();
    let series = frame(&ctx, "SELECT value AS n FROM generate_series(1, 10)").await;
    let other = Schema::new(vec![Field::new("m", DataType::Utf8, true)]);
    let error = series.map_partitions(&other, |batches, _| batches).unwrap().compute().await.unwrap_err();
    assert!(error.is_user() && error.message().contains("'n' Int64"), "{error}");

    let schema = series.schema();
    let failing = series.map_partitions(&schema, |batches, number| {
        batches.map(move |batch| batch.and(Err(Error::data(format!("no luck in {number}")))))
    });
    let error = failing.unwrap().compute().await.unwrap_err();
    assert!(error.is_data() && error.message() == "no luck in 0", "{error:?}");

    let panicking = series.map_partitions(&schema, |batches, _| batches.map(|_| panic!("oh no")));
    let error = panicking.unwrap().compute().await.unwrap_err();
    assert!(error.is_user() && error.message().contains("oh no"), "{error}");
    assert_eq!(series.count().await.unwrap(), 10);
}

/// Partitions of a join wait for each other: one that nobody read held up the others.
#[tokio::test]
async fn streams_are_independent() {
    let ctx = context();
    let sql = "SELECT a.value AS n FROM generate_series(1, 200000) a JOIN generate_series(1, 200000) b USING (value)";
    let joined = frame(&ctx, sql).await.repartition(4).unwrap();
    let schema = joined.schema();
    let joined = joined.map_partitions(&schema, |batches, _| batches).unwrap();
    // The last first, one dropped unread, one dropped half way.
    let mut streams = joined.streams().await.unwrap();
    let mut total = 0;
    let last = streams.pop().unwrap();
    total += last.try_fold(0, |sum, batch| async move { Ok(sum + batch.num_rows()) }).await.unwrap();
    drop(streams.pop());
    let mut half = streams.pop().unwrap();
    assert!(half.next().await.unwrap().is_ok());
    drop(half);
    let first = streams.pop().unwrap();
    total += first.try_fold(0, |sum, batch| async move { Ok(sum + batch.num_rows()) }).await.unwrap();
    assert!(total > 80_000 && total < 120_000, "{total}");
}

#[tokio::test]
async fn a_partition_of_a_scan_reads_no_other() {
    let ctx = context();
    let folder = tempfile::tempdir().unwrap();
    for number in 0..4 {
        let sql = format!("SELECT value + {number} * 1000 AS n FROM generate_series(1, 1000)");
        frame(&ctx, &sql).await.write_parquet(folder.path().join(format!("{number}.parquet"))).await.unwrap();
    }
    ctx.register("files", Source::parquet(folder.path())).await.unwrap();
    let files = frame(&ctx, "SELECT * FROM files").await;
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let schema = files.schema();
    let mapped = files.map_partitions(&schema, move |batches, _| {
        count.fetch_add(1, Ordering::Relaxed);
        batches
    });
    let mapped = mapped.unwrap();
    let partitions = mapped.npartitions().await.unwrap();
    assert_eq!(partitions, 2);
    assert_eq!(mapped.partition(0).unwrap().count().await.unwrap(), 2000);
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_single_large_file_is_split() {
    let ctx = context();
    let folder = tempfile::tempdir().unwrap();
    let series = frame(&ctx, "SELECT value AS n, 'some text to fill it' AS t FROM generate_series(1, 500000)").await;
    for name in ["one.parquet", "one.csv"] {
        let path = folder.path().join(name);
        match name.ends_with("csv") {
            true => series.write_csv(&path).await.unwrap(),
            false => series.write_parquet(&path).await.unwrap(),
        };
        let file = frame(&ctx, &format!("SELECT * FROM '{}'", path.display())).await;
        assert_eq!(file.npartitions().await.unwrap(), 2, "{name}");
        let sizes: Vec<u64> =
            vec![file.partition(0).unwrap().count().await.unwrap(), file.partition(1).unwrap().count().await.unwrap()];
        assert!(sizes.iter().sum::<u64>() == 500_000 && sizes.iter().all(|size| *size > 100_000), "{name}: {sizes:?}");
    }
}

#[tokio::test]
async fn partitions_of_about_a_size() {
    let ctx = context();
    let series = frame(&ctx, SERIES).await.persist().await.unwrap();
    let sized = series.repartition_by_size(400_000).await.unwrap();
    // 1.6 MB of numbers, in buffers that may be a little larger.
    let count = sized.npartitions().await.unwrap();
    assert!((4..=6).contains(&count), "{count}");
    assert!(series.repartition_by_size(0).await.unwrap_err().is_user());
}
