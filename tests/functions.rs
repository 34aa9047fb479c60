//! Row functions in Rust, SQL and Python: types, NULLs, failures, and every place an expression can stand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(unix)]

#[path = "functions/aggregates.rs"]
mod aggregates;
#[path = "functions/failures.rs"]
mod failures;
#[path = "functions/native.rs"]
mod native;
#[path = "functions/places.rs"]
mod places;
#[path = "functions/python.rs"]
mod python;
#[path = "functions/rust.rs"]
mod rust;
#[path = "functions/sql.rs"]
mod sql;
#[path = "functions/volatile.rs"]
mod volatile;
#[path = "functions/workers.rs"]
mod workers;

use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use partita::{Context, Error, Result};

/// A context of two threads.
fn context() -> Context {
    Context::builder().threads(2).build().unwrap()
}

/// The rows of a query, each as its values with `|` between.
async fn try_rows(ctx: &Context, query: &str) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    for batch in ctx.sql(query).await?.compute().await? {
        let options = FormatOptions::default().with_null("NULL");
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            rows.push(values.join("|"));
        }
    }
    Ok(rows)
}

async fn rows(ctx: &Context, query: &str) -> Vec<String> {
    try_rows(ctx, query).await.unwrap_or_else(|error| panic!("{query}\n{error:?}"))
}

async fn run(ctx: &Context, statement: &str) {
    rows(ctx, statement).await;
}

async fn error(ctx: &Context, statement: &str) -> Error {
    match try_rows(ctx, statement).await {
        Err(error) => error,
        Ok(rows) => panic!("{statement}\ngave {rows:?}"),
    }
}

/// Whether the Python of this machine has a package.
fn has(package: &str) -> bool {
    let found = std::process::Command::new("python3").args(["-c", &format!("import {package}")]).output();
    found.is_ok_and(|output| output.status.success())
}
