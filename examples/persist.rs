//! Rows computed once: `cargo run --release --example persist`, from the project's root.

use partita::prelude::*;
use partita::{Frame, compute_all};

#[tokio::main]
pub(crate) async fn main() -> partita::Result<()> {
    let ctx = Context::builder().memory_limit("512MB".parse()?).threads(2).build()?;
    ctx.register("flights", Source::parquet("queries/data/flights")).await?;

    // A join that later questions start from. Nothing has run.
    let late: Frame = ctx
        .sql(
            "SELECT carrier, origin, dest, month, dep_delay, distance
             FROM flights WHERE dep_delay > 15",
        )
        .await?;

    // persist() runs it once. Its partitions are held in the memory limit, and on disk when others need the room.
    let computed = late.persist().await?;
    println!("{} late flights in {} partitions", computed.count().await?, computed.npartitions().await?);

    // persist_to() keeps them for the next run of the program, which then runs nothing if no file has changed.
    let folder = tempfile::tempdir()?;
    let kept = late.persist_to(folder.path().join("late")).await?;
    println!("{} rows kept", kept.count().await?);

    // In SQL the same store is CACHE TABLE.
    ctx.sql("CACHE TABLE delays AS SELECT carrier, avg(dep_delay) AS delay FROM flights GROUP BY carrier").await?;
    let worst = ctx.sql("SELECT carrier FROM delays ORDER BY delay DESC LIMIT 3").await?;
    worst.show().await?;
    ctx.sql("UNCACHE TABLE delays").await?;

    // Frames that have work in common, computed together: it runs once.
    let by_hand = late.repartition_by([col("carrier")], 4)?;
    let results = compute_all([by_hand.partition(0)?, by_hand.partition(1)?, by_hand]).await?;
    let rows: Vec<usize> = results.iter().map(|batches| batches.iter().map(|batch| batch.num_rows()).sum()).collect();
    println!("{rows:?} rows of one exchange");
    Ok(())
}
