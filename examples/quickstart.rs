//! The Rust API in one screen: `cargo run --release --example quickstart`, from the project's root.

use futures::TryStreamExt;
use partita::prelude::*;

#[tokio::main]
pub(crate) async fn main() -> partita::Result<()> {
    // One number bounds everything that runs in this context.
    let ctx = Context::builder().memory_limit("512MB".parse()?).threads(2).build()?;
    ctx.register("flights", Source::parquet("queries/data/flights")).await?;
    ctx.register("airlines", Source::csv("queries/data/airlines.csv")).await?;

    // A frame is a plan: nothing has run. Parameters are typed.
    ctx.set_parameter("least", "5000")?;
    let late = ctx
        .sql(
            "SELECT name, count(*) AS flights, round(avg(dep_delay), 1) AS delay
             FROM flights JOIN airlines USING (carrier)
             GROUP BY name HAVING count(*) >= $least
             ORDER BY delay DESC",
        )
        .await?;
    println!("{}", late.explain().await?);
    late.show().await?;

    // Rows stream; figures are live while they do.
    let mut run = ctx.sql("SELECT tailnum, distance FROM flights WHERE distance > 2500").await?.run().await?;
    let mut miles = 0;
    while let Some(batch) = run.try_next().await? {
        miles += batch.num_rows();
    }
    println!("{miles} long flights, {} rows read", run.figures().rows_read);

    // Files are there entirely or not at all.
    let folder = tempfile::tempdir()?;
    let rows = late.write_parquet(folder.path().join("late.parquet")).await?;
    println!("{rows} rows written");

    // Errors say what happened, where, and what to do.
    let Err(error) = ctx.sql("SELECT carier FROM flights").await else { return Ok(()) };
    println!("{}", error.report());
    Ok(())
}
