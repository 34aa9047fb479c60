//! TPC-H for tests and benchmarks: its tables as Parquet files, its queries, its answers.

use std::path::{Path, PathBuf};

use partita::{Context, Result};

/// The eight tables.
pub(crate) const TABLES: [&str; 8] =
    ["customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier"];

/// How many queries there are.
pub(crate) const QUERIES: usize = 22;

/// Writes the eight tables at that scale into `folder`, a Parquet file each.
pub(crate) async fn generate(ctx: &Context, scale: f64, folder: &Path) -> Result<()> {
    for table in TABLES {
        let file = folder.join(format!("{table}.parquet"));
        let copy = format!("COPY (SELECT * FROM tpch('{table}', {scale})) TO '{}' STORED AS PARQUET", file.display());
        ctx.sql(&copy).await?.compute().await?;
    }
    Ok(())
}

/// Makes the Parquet files in `folder` tables.
pub(crate) async fn register(ctx: &Context, folder: &Path) -> Result<()> {
    for table in TABLES {
        let file = folder.join(format!("{table}.parquet"));
        let create = format!("CREATE EXTERNAL TABLE {table} STORED AS PARQUET LOCATION '{}'", file.display());
        ctx.sql(&create).await?.compute().await?;
    }
    Ok(())
}

/// The text of query `number`, counted from 1, without its final `;`.
pub(crate) fn query(number: usize) -> String {
    let file = project(&format!("queries/tpch/q{number}.sql"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.trim().trim_end_matches(';').to_string()
}

/// A path below the project's root.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
