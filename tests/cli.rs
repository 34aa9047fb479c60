//! The command line as a person drives it: exit codes, places of errors, formats, standard input, reports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Runs the binary in `folder`, which holds its spill folder too; no init file of the machine gets in the way.
fn partita(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partita"));
    command.current_dir(folder).arg("--no-init").arg("--spill-dir").arg(folder.join("spill")).args(arguments);
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// What `folder` holds, without the folder of spill files, which must be empty.
fn files(folder: &Path) -> Vec<String> {
    assert_eq!(fs::read_dir(folder.join("spill")).unwrap().count(), 0, "spill files are left");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "spill").collect();
    names.sort();
    names
}

#[test]
fn commands_run_in_order_and_rows_go_to_standard_output() {
    let folder = folder();
    let output =
        partita(folder.path(), &["--format", "csv", "-c", "SELECT 1 AS a; SELECT 2 AS b", "-c", "SELECT 3 AS c"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "a\n1\nb\n2\nc\n3\n");
    assert_eq!(stderr(&output), "");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn every_format_streams_the_same_rows() {
    let folder = folder();
    let query = "SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS t(n, s) ORDER BY n";
    let said = |format: &str| stdout(&partita(folder.path(), &["--format", format, "-c", query]));
    assert_eq!(said("csv"), "n,s\n1,a\n2,\n");
    assert_eq!(said("tsv"), "n\ts\n1\ta\n2\t\n");
    assert_eq!(said("ndjson"), "{\"n\":1,\"s\":\"a\"}\n{\"n\":2,\"s\":null}\n");
    let json: serde_json::Value = serde_json::from_str(&said("json")).unwrap();
    assert_eq!(json, serde_json::json!([{"n": 1, "s": "a"}, {"n": 2, "s": null}]));
    assert!(said("markdown").contains("| 1 | a |"), "{}", said("markdown"));
    assert!(said("vertical").contains("RECORD 2"), "{}", said("vertical"));
    assert!(said("table").contains("2 rows"), "{}", said("table"));
    assert!(!said("none").contains('a'));
}

#[test]
fn machine_formats_are_never_cut() {
    let folder = folder();
    let output = partita(folder.path(), &["--format", "csv", "-c", "SELECT value FROM generate_series(1, 200000)"]);
    assert_eq!(stdout(&output).lines().count(), 200_001);
}

#[test]
fn standard_input_is_a_script() {
    let folder = folder();
    for arguments in [&["--format", "csv"][..], &["--format", "csv", "-"][..]] {
        let mut child = command(folder.path(), arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"SELECT 1 AS a;\nSELECT 2 AS a").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(stdout(&output), "a\n1\na\n2\n");
    }
}

#[test]
fn an_error_tells_file_line_and_column_and_exits_1() {
    let folder = folder();
    fs::write(
        folder.path().join("late.sql"),
        "\u{feff}SELECT 1;\r\n-- a comment; here\r\nSELECT carier\r\nFROM (SELECT 'UA' AS carrier) f;",
    )
    .unwrap();
    let output = partita(folder.path(), &["late.sql"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "error: late.sql:3:8: column 'carier' not found\n3 | SELECT carier\n  |        ^^^^^^\nhint: did you mean 'carrier'?\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn a_script_whose_third_statement_fails_leaves_nothing_half_done() {
    let folder = folder();
    let script = "CREATE TABLE t AS SELECT value FROM generate_series(1, 100000);\nCOPY t TO 'whole.parquet';\n  COPY (SELECT 1 / (value - 99999) FROM t) TO 'half.parquet';\nCOPY t TO 'never.parquet'";
    fs::write(folder.path().join("s.sql"), script).unwrap();
    let output = partita(folder.path(), &["s.sql", "--output", "rows.csv"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: s.sql:3:3: "), "{}", stderr(&output));
    assert_eq!(files(folder.path()), ["s.sql", "whole.parquet"]);
}

#[test]
fn on_error_continue_runs_the_rest_and_still_exits_1() {
    let folder = folder();
    let output =
        partita(folder.path(), &["--on-error", "continue", "--format", "csv", "-c", "SELECT nothing; SELECT 2 AS b"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "b\n2\n");
}

#[test]
fn wrong_usage_exits_2() {
    let folder = folder();
    for arguments in [
        &["--no-such-option"][..],
        &["--memory-limit", "100MB", "-c", "SELECT 1"],
        &["--memory-limit", "much", "-c", "SELECT 1"],
        &["--threads", "0", "-c", "SELECT 1"],
        &["--format", "cvs", "-c", "SELECT 1"],
        &["--param", "noequals", "-c", "SELECT 1"],
    ] {
        let output = partita(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_script_that_is_not_there_is_an_error() {
    let folder = folder();
    let output = partita(folder.path(), &["nowhere.sql"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("nowhere.sql"), "{}", stderr(&output));
}

#[test]
fn parameters_are_typed() {
    let folder = folder();
    let query = "SELECT $n + 1 AS n, arrow_typeof($day) AS day, $word AS word";
    let output = partita(
        folder.path(),
        &["--format", "csv", "-p", "n=41", "-p", "day=2013-01-31", "-p", "word=it's", "-c", query],
    );
    assert_eq!(stdout(&output), "n,day,word\n42,Date32,it's\n", "{}", stderr(&output));
    let output = partita(folder.path(), &["-p", "nam=1", "-c", "SELECT 1,\n  $name"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "error: 2:3: parameter '$name' has no value\n2 |   $name\n  |   ^^^^^\nhint: did you mean '$nam'?\n"
    );
}

#[test]
fn output_takes_the_rows_of_the_last_query_alone() {
    let folder = folder();
    let script = "SELECT 1 AS first; SELECT 2 AS last; CREATE TABLE t AS SELECT 3 AS c";
    for (name, expected) in [("rows.csv", "last\n2\n"), ("rows.ndjson", "{\"last\":2}\n"), ("rows.tsv", "last\n2\n")] {
        let output = partita(folder.path(), &["--format", "csv", "-o", name, "-c", script]);
        assert_eq!(stdout(&output), "first\n1\n", "{}", stderr(&output));
        assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), expected);
    }
    for name in ["rows.parquet", "rows.arrow"] {
        assert_eq!(partita(folder.path(), &["-o", name, "-c", script]).status.code(), Some(0));
        let back = partita(folder.path(), &["--format", "csv", "-c", &format!("SELECT * FROM '{name}'")]);
        assert_eq!(stdout(&back), "last\n2\n", "{}", stderr(&back));
    }
    assert_eq!(partita(folder.path(), &["-o", "rows.docx", "-c", "SELECT 1"]).status.code(), Some(1));
}

#[test]
fn check_plans_only_with_earlier_definitions_in_force() {
    let folder = folder();
    let good = "CREATE TABLE t AS SELECT 1 AS a; INSERT INTO t VALUES (2); COPY t TO 'x.csv'; SELECT a FROM t";
    let output = partita(folder.path(), &["--check", "-c", good]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()), "{}", stderr(&output));
    assert!(files(folder.path()).is_empty());
    let output = partita(folder.path(), &["--check", "-c", "CREATE TABLE t AS SELECT 1 AS a; SELECT b FROM t"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_report_tells_every_statement() {
    let folder = folder();
    let script = "SELECT * FROM generate_series(1, 10);\nCOPY (SELECT 1 AS a) TO 'a.csv';\nSELECT nothing";
    fs::write(folder.path().join("s.sql"), script).unwrap();
    let output = partita(folder.path(), &["--memory-limit", "256MB", "-t", "2", "--report", "r.json", "s.sql"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
    assert_eq!((report["memory_limit"].as_u64(), report["threads"].as_u64()), (Some(256_000_000), Some(2)));
    assert!(report["peak_resident"].as_u64() > Some(1 << 20));
    let statements = report["statements"].as_array().unwrap();
    let rows: Vec<_> = statements.iter().map(|statement| statement["rows"].as_u64()).collect();
    assert_eq!(rows, [Some(10), Some(1), None]);
    let lines: Vec<_> = statements.iter().map(|statement| statement["line"].as_u64()).collect();
    assert_eq!(lines, [Some(1), Some(2), Some(3)]);
    assert_eq!(statements[0]["file"], "s.sql");
    assert!(statements[2]["error"].as_str().unwrap().contains("s.sql:3:8"));
    for key in ["sql", "seconds", "peak_reserved", "spilled_bytes"] {
        assert!(!statements[0][key].is_null(), "{key}");
    }
    let operators = statements[0]["operators"].as_array().unwrap();
    assert_eq!(operators[0]["depth"], 0);
    assert_eq!(operators.last().unwrap()["rows"], 10);
}

#[test]
fn the_report_tells_which_operator_went_to_disk() {
    let folder = folder();
    let sql = "SELECT count(*) FROM (SELECT value * 7919 % 4000037 AS k, count(*) FROM generate_series(1, 4000000) GROUP BY k)";
    let output = partita(folder.path(), &["--memory-limit", "128MB", "-t", "2", "--report", "r.json", "-c", sql]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
    let operators = report["statements"][0]["operators"].as_array().unwrap();
    let spilled = operators.iter().find(|one| one["spilled_bytes"].as_u64() > Some(0)).expect("it does not fit");
    assert!(spilled["operator"].as_str().unwrap().starts_with("SpillingAggregateExec"), "{spilled}");
    for key in ["spill_partitions", "recursion_depth", "peak_reserved"] {
        assert!(spilled[key].as_u64() > Some(0), "{key}: {spilled}");
    }
}

#[test]
fn timing_and_echo_keep_out_of_the_data() {
    let folder = folder();
    let output = partita(folder.path(), &["--timing", "--echo", "--format", "csv", "-c", "SELECT 1 AS a"]);
    assert_eq!(stdout(&output), "a\n1\n");
    assert!(stderr(&output).starts_with("SELECT 1 AS a;\ntime: "), "{}", stderr(&output));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = folder();
    let mut child = command(folder.path(), &["--format", "csv", "-c", "SELECT value FROM generate_series(1, 5000000)"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

/// DataFusion replaces the pool when its own option for the limit is set; ours must stay in force.
#[test]
fn the_limit_is_set_under_any_of_its_names() {
    let folder = folder();
    for name in ["memory_limit", "datafusion.runtime.memory_limit", "partita.memory_limit"] {
        let script = format!("SET {name} = '200MB'; SHOW memory_limit; RESET memory_limit; SHOW memory_limit");
        let output = partita(folder.path(), &["-m", "256MB", "--format", "csv", "-c", &script]);
        let expected = "name,value\npartita.memory_limit,200.0 MB\nname,value\npartita.memory_limit,256.0 MB\n";
        assert_eq!(stdout(&output), expected, "{}", stderr(&output));
    }
    let output = partita(folder.path(), &["-c", "SET memory_limit = '1MB'"]);
    assert_eq!(output.status.code(), Some(1));
    let output = partita(
        folder.path(),
        &["--format", "csv", "-c", "SET threads = 3; SHOW threads; SET batch_size = 100; SHOW batch_size"],
    );
    let expected =
        "name,value\ndatafusion.execution.target_partitions,3\nname,value\ndatafusion.execution.batch_size,100\n";
    assert_eq!(stdout(&output), expected, "{}", stderr(&output));
}

#[test]
fn a_query_that_passes_the_limit_names_the_operator() {
    let folder = folder();
    let query = "SELECT count(DISTINCT value) FROM generate_series(1, 30000000)";
    let output = partita(folder.path(), &["-m", "128MB", "-c", query]);
    if output.status.code() == Some(1) {
        let told = stderr(&output);
        assert!(told.contains("memory limit of 128.0 MB") && told.contains("AggregateStream"), "{told}");
    } else {
        assert!(stdout(&output).contains("30000000"));
    }
}

#[test]
fn an_interrupt_ends_the_query_and_leaves_nothing() {
    let folder = folder();
    let endless = "SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b";
    let child = command(folder.path(), &["-c", endless]).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    let sent = std::time::Instant::now();
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(sent.elapsed().as_secs() < 5, "took {:?}", sent.elapsed());
    assert!(stderr(&output).contains("cancelled"), "{}", stderr(&output));
    assert!(files(folder.path()).is_empty());
}
