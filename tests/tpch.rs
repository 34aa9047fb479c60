//! All 22 queries of TPC-H, in SQL and by frames, against stored answers, with the default limit and at the smallest one.
//!
//! The answers at scale factor 0.05 are DuckDB's on the same rows; those at scale factor 1 agree with the published
//! answer set as well. The latter are compared when `PARTITA_TPCH_SF1` names a folder with the eight tables as
//! Parquet files of that scale:
//!
//! ```sh
//! PARTITA_TPCH_SF1=/data/sf1 cargo test --test tpch
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
#[path = "../examples/tpch_frames.rs"]
mod tpch_frames;

use std::path::{Path, PathBuf};

use common::tpch::{QUERIES, generate, project, query, register};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use partita::{Context, ContextBuilder, Frame, MemoryLimit};
use tpch_frames::Tables;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_a_small_scale_at_both_limits() {
    let folder = tempfile::tempdir().unwrap();
    let smallest = || Context::builder().threads(2).memory_limit(MemoryLimit::smallest());
    generate(&smallest().build().unwrap(), 0.05, folder.path()).await.unwrap();
    let answers = project("tests/tpch_answers/sf0.05");
    // The smallest limit first: it counts the resident size of the whole process.
    every_query(smallest(), folder.path(), &answers).await;
    every_query(Context::builder().threads(2), folder.path(), &answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_answers_of_scale_one() {
    match std::env::var_os("PARTITA_TPCH_SF1").map(PathBuf::from) {
        Some(data) => every_query(Context::builder(), &data, &project("tests/tpch_answers/sf1")).await,
        None => eprintln!("not compared: PARTITA_TPCH_SF1 names no folder with TPC-H at scale factor 1"),
    }
}

/// Runs all queries on one context, in SQL and by frames, and tells of all that went wrong.
async fn every_query(builder: ContextBuilder, data: &Path, answers: &Path) {
    let ctx = builder.build().unwrap();
    register(&ctx, data).await.unwrap();
    let tables = Tables::of(&ctx).await.unwrap();
    let mut failures = Vec::new();
    for number in 1..=QUERIES {
        let expected = answer(&answers.join(format!("q{number}.csv")));
        for (said, frame) in [("SQL", ctx.sql(&query(number)).await), ("frames", tables.query(number))] {
            let outcome = match frame {
                Ok(frame) => rows(&frame).await,
                Err(error) => Err(error),
            };
            let failure = match outcome {
                Ok(actual) => first_difference(&actual, &expected),
                Err(error) => Some(error.report()),
            };
            failures.extend(failure.map(|why| format!("q{number} in {said}: {why}")));
        }
    }
    assert!(failures.is_empty(), "at {}\n{}", ctx.memory_limit(), failures.join("\n"));
}

/// The stored rows: a header, then cells between bars, as in the standard's own answer files.
fn answer(file: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines().skip(1).map(|line| line.split('|').map(str::to_string).collect()).collect()
}

async fn rows(frame: &Frame) -> partita::Result<Vec<Vec<String>>> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = Vec::new();
    for batch in frame.compute().await? {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|c| c.value(row).to_string()).collect()));
    }
    Ok(rows)
}

fn first_difference(actual: &[Vec<String>], expected: &[Vec<String>]) -> Option<String> {
    if actual.len() != expected.len() {
        return Some(format!("{} rows, expected {}", actual.len(), expected.len()));
    }
    let same_row =
        |(a, b): (&Vec<String>, &Vec<String>)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    let row = actual.iter().zip(expected).position(|rows| !same_row(rows))?;
    Some(format!("row {}: {:?}, expected {:?}", row + 1, actual[row], expected[row]))
}

/// Numbers agree to the last digit that both show: an average of decimals has six digits here and sixteen there.
fn same(actual: &str, expected: &str) -> bool {
    let (Ok(a), Ok(b)) = (actual.parse::<f64>(), expected.parse::<f64>()) else { return actual == expected };
    let digits = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as i32;
    let exact = digits(actual).min(digits(expected)) <= 4 && digits(actual).max(digits(expected)) <= 4;
    let last = if exact { 0.0 } else { 10f64.powi(-digits(actual).min(digits(expected))) };
    (a - b).abs() <= f64::max(last, 1e-12 * b.abs())
}

#[test]
fn numbers_agree_to_the_digits_that_both_show() {
    assert!(same("25.522006", "25.522005853257337"));
    assert!(same("37734107.00", "37734107.0"));
    assert!(!same("37734107.01", "37734107.00"));
    assert!(!same("ALGERIA", "ARGENTINA"));
    assert!(!same("NULL", "0"));
}
