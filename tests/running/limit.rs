//! Computed rows larger than the memory limit: the process stays below it, and the rows are the same.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Three queries over a cached table; the last joins it with another cached one, so that two of them and a large join share
/// the limit.
const QUERIES: [&str; 3] = [
    "SELECT l_returnflag, l_linestatus, count(*), sum(l_quantity) FROM items GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT count(*), max(length(l_comment)) FROM items WHERE l_shipdate > DATE '1995-01-01'",
    "SELECT count(*), sum(s), max(length(l_comment)) FROM items JOIN sums ON l_orderkey = k",
];

/// What the binary prints, as a child of its own, and the bytes that it peaked at.
fn run(limit: &str, cached: bool, rows: &str) -> (String, u64) {
    let make = if cached { "CACHE TABLE" } else { "CREATE VIEW" };
    let report = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_partita"));
    command.args(["--no-init", "--threads", "2", "--memory-limit", limit, "--format", "csv", "--report"]);
    command.arg(report.path());
    let sums = "sums AS SELECT l_orderkey AS k, sum(l_extendedprice) AS s FROM items GROUP BY 1";
    let statements = [format!("{make} items AS {rows}"), format!("{make} {sums}")];
    for statement in statements.iter().map(String::as_str).chain(QUERIES) {
        command.args(["-c", statement]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "at {limit}: {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report.path()).unwrap()).unwrap();
    (String::from_utf8(output.stdout).unwrap(), report["peak_resident"].as_u64().unwrap())
}

fn check(limit: &str, bytes: u64, rows: &str) {
    let (expected, _) = run("16GB", false, rows);
    let (found, peak) = run(limit, true, rows);
    assert_eq!(found, expected);
    println!("at {limit}: {peak} bytes");
    assert!(peak > 0 && peak <= bytes, "at {limit} the process peaked at {peak} bytes");
}

/// 6 million rows, about 900 MB in memory, from a file: the generator holds 300 MB of its own.
#[test]
fn computed_rows_larger_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lineitem.parquet");
    let copy = format!("COPY (SELECT * FROM tpch('lineitem', 1)) TO '{}'", file.display());
    let made = Command::new(env!("CARGO_BIN_EXE_partita")).args(["--no-init", "-m", "1GB", "-c", &copy]).status();
    assert!(made.unwrap().success());
    check("512MB", 512_000_000, &format!("SELECT * FROM '{}'", file.display()));
}

/// For a release build, about 8 GB in memory: `LINEITEM='/data/sf10/lineitem.parquet' cargo test --release --test running
/// limit::five -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes and 10 GB of disk"]
fn five_gigabytes_under_half_of_one() {
    let file = std::env::var("LINEITEM").expect("LINEITEM names the file of lineitem at scale factor 10");
    assert!(Path::new(&file).exists());
    check("512MB", 512_000_000, &format!("SELECT * FROM '{file}'"));
}
