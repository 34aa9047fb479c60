//! Partitions: `cargo run --release --example partitions`, from the project's root.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use partita::prelude::*;

#[tokio::main]
pub(crate) async fn main() -> partita::Result<()> {
    let ctx = Context::builder().memory_limit("512MB".parse()?).threads(2).build()?;
    ctx.register("flights", Source::parquet("queries/data/flights")).await?;
    let flights = ctx.sql("SELECT carrier, dep_delay FROM flights").await?;
    println!("{} partitions as the files are", flights.npartitions().await?);

    // Exactly five, and flights of one carrier together.
    let by_carrier = flights.repartition_by([col("carrier")], 5)?;
    assert_eq!(by_carrier.npartitions().await?, 5);

    // A function of our own over each partition, as a stream: it holds one batch and its own counts. Every carrier is in
    // one partition, so that the counts are final.
    let schema = Arc::new(Schema::new(vec![
        Field::new("carrier", DataType::Utf8, false),
        Field::new("flights", DataType::Int64, false),
    ]));
    let given = Arc::clone(&schema);
    let counted = by_carrier.map_partitions(&schema, move |batches, _number| counts(Arc::clone(&given), batches))?;
    let mut counted: Vec<(String, i64)> = counted.collect_into().await?;
    counted.sort();
    println!("{counted:?}");

    // One stream a partition, read apart.
    for (number, stream) in by_carrier.streams().await?.into_iter().enumerate() {
        let rows = stream.try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) }).await?;
        println!("partition {number}: {rows} rows");
    }
    Ok(())
}

/// Counts the rows of each carrier of a partition and gives them as its only batch.
fn counts(
    schema: Arc<Schema>,
    batches: BoxStream<'static, partita::Result<RecordBatch>>,
) -> impl futures::Stream<Item = partita::Result<RecordBatch>> {
    futures::stream::once(async move {
        let add = |mut counts: HashMap<String, i64>, batch: RecordBatch| async move {
            let carriers = cast(batch.column(0), &DataType::Utf8)?;
            let carriers = carriers.as_string::<i32>().iter().flatten();
            carriers.for_each(|carrier| *counts.entry(carrier.to_string()).or_default() += 1);
            Ok(counts)
        };
        let counts: HashMap<String, i64> = batches.try_fold(HashMap::new(), add).await?;
        let (names, numbers): (Vec<String>, Vec<i64>) = counts.into_iter().unzip();
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(StringArray::from(names)), Arc::new(Int64Array::from(numbers))];
        Ok(RecordBatch::try_new(schema, columns)?)
    })
    .boxed()
}
