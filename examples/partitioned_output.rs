//! Files by partition: `cargo run --release --example partitioned_output`, from the project's root.

use partita::prelude::*;

#[tokio::main]
pub(crate) async fn main() -> partita::Result<()> {
    let ctx = Context::builder().memory_limit("512MB".parse()?).threads(2).build()?;
    ctx.register("flights", Source::parquet("queries/data/flights")).await?;
    let flights = ctx.sql("SELECT year, month, carrier, dep_delay, distance FROM flights").await?;
    let folder = tempfile::tempdir()?;

    // A folder for each month; nothing is seen of it before all of it is there.
    let by_month = folder.path().join("by_month");
    let rows = flights.write_parquet(&by_month).partition_by(["year", "month"]).await?;
    println!("{rows} rows in {}", by_month.display());

    // Read back, the folders are columns, and a filter on them opens the folders it needs.
    ctx.register("by_month", Source::parquet(by_month.as_path())).await?;
    let january = ctx.sql("SELECT count(*) AS flights FROM by_month WHERE month = 1").await?;
    january.show().await?;

    // One folder of CSV files for each carrier, with options by their names in COPY.
    let by_carrier = folder.path().join("by_carrier");
    flights.write_csv(&by_carrier).partition_by(["carrier"]).option("delimiter", ";").await?;
    println!("{} folders", std::fs::read_dir(&by_carrier)?.count());

    // Files of about a size, whatever the number of partitions.
    let sized = folder.path().join("sized");
    flights.write_csv(&sized).file_size(1_000_000).await?;
    println!("{} files of about a megabyte", std::fs::read_dir(&sized)?.count());
    Ok(())
}
